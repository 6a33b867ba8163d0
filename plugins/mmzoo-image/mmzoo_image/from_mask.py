"""Pictures from a mask of classes, perhaps with a caption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mmzoo.data import decode_image, fit_image
from mmzoo.errors import ConfigError
from mmzoo.interfaces import FilePath, Image, Size, Weight
from mmzoo_image.head import TextToImage
from mmzoo_image.inputs import unknown_note

if TYPE_CHECKING:
    from datasets import Dataset


class MaskToImage(TextToImage):
    """Draws the picture that a mask describes: `text-to-image` with `mask_classes`, whose prompts are masks.

    The mask joins the channels of the latents to edit: for each patch, the fraction that each class covers. In training
    it is dropped as often as the caption, so a mask, a caption or both will do.
    """

    columns: ClassVar[tuple[str, ...]] = ("image", "text", "mask")
    batch_keys: ClassVar[tuple[str, ...]] = (*TextToImage.batch_keys, "mask")

    def connect(self) -> None:
        """Also raise ConfigError without classes."""
        super().connect()
        if not self.mask_classes:
            raise ConfigError("The head mask-to-image needs mask_classes, the number of classes.", path="mask_classes")

    def generate_item(  # type: ignore[override]
        self,
        *,
        mask: FilePath,
        text: str = "",
        steps: Size | None = None,
        guidance: Weight | None = None,
        size: tuple[int, int] | None = None,
        seed: int | None = 0,
    ) -> Image:
        """Draw the picture of a mask, a gray picture whose values are classes; see `generate`."""
        (drawn,) = self.generate([text], masks=[mask], steps=steps, guidance=guidance, seed=seed, size=size)
        return replace(drawn, notes=(*unknown_note(self.unknown_words(text)), *drawn.notes))

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture next to one drawn from its mask."""
        for row in rows:
            (drawn,) = self.generate([""], masks=[decode_image(row["mask"])])
            fitted = fit_image(decode_image(row["image"]), drawn.pixels.shape[:2])
            yield row["id"], Image(np.concatenate((fitted.pixels, drawn.pixels), axis=1))
