"""The prior over codes of pictures: draws them from captions or class names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import as_batch, as_text, decode_image, fit_image, picture_codes
from mmzoo.errors import InputError
from mmzoo.interfaces import Count, Examples, Fraction, Image, Latents, Size, Weight
from mmzoo.interfaces.options import integer
from mmzoo_prior.examples import Coded
from mmzoo_prior.prior import WordPrior

if TYPE_CHECKING:
    from datasets import Dataset

LARGEST_SIDE = 1024


class ImagePrior(WordPrior):
    """Draws pictures from captions or class names, code by code.

    Args:
        width: See `CodePrior`.
        vocabulary: See `WordPrior`.
        side: Side of the training pictures in pixels, and the default size to draw.
        drop: See `WordPrior`.
        guidance: See `WordPrior`.
        delay: See `CodePrior`.
        num_steps: See `CodePrior`.
        temperature: See `CodePrior`.
    """

    modality, ends, generates = "image", False, Image
    columns = ("image", "text")
    codes_replace = ("image",)

    def __init__(
        self,
        *,
        width: Size,
        vocabulary: Size = 64,
        side: Size = 64,
        drop: Fraction = 0.1,
        guidance: Weight = 2.0,
        delay: Count = 1,
        num_steps: Size = 12,
        temperature: Weight = 1.0,
    ) -> None:
        super().__init__(
            width=width,
            vocabulary=vocabulary,
            drop=drop,
            guidance=guidance,
            delay=delay,
            num_steps=num_steps,
            temperature=temperature,
        )
        self.side = side

    def positions(self, first: int, count: int, columns: int | None = None) -> Tensor:
        """Row and column of codes from a first one, `[1, count, 2]`, by default in training pictures."""
        index = torch.arange(first, first + count, device=self.device)
        across = columns or self._grid((self.side, self.side))[1]
        return torch.stack((index // across, index % across), -1).float().unsqueeze(0)

    def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
        patch = self.tokenizer.patch or 1
        return -(-size[0] // patch), -(-size[1] // patch)

    # --- use ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Any],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = 0,
        size: tuple[int, int] | None = None,
    ) -> list[Image]:
        """Draw a picture for each prompt. Prompt i uses seed + i, so it does not depend on the rest of the batch.

        Args:
            prompts: Captions or class names, or dataset rows with one.
            steps: Steps of a masked transformer; None for the model's default.
            guidance: Scale of classifier-free guidance, 1 for none; None for the model's default.
            temperature: Divides the logits; 0 takes the most probable code; None for the model's default.
            top_k: Number of most probable codes to draw from; None for all.
            top_p: Draw from the most probable codes that together have at least this probability; None for all.
            seed: Seed of the first picture; None draws one, and the notes of each picture report its own.
            size: (height, width) in pixels; None for the training size.

        Raises:
            InputError: A prompt has no known word, or an argument is out of range.
        """
        texts = [as_text(text, "A prompt") for text in as_batch(prompts) or []]
        ids = self.word_ids(texts)
        height, width = (self.side, self.side) if size is None else _checked_size(size)
        grid = self._grid((height, width))
        codes, notes = self._sampled(
            self.condition({"words": ids}),
            self.condition({"words": torch.zeros_like(ids)}),
            len(ids),
            length=grid[0] * grid[1],
            positions=partial(self.positions, columns=grid[1]),
            seed=seed,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        latents = Latents(self.tokenizer.embed_codes(torch.stack(codes)), grid=grid)
        drawn: Sequence[Image] = self.tokenizer.decode_latents(latents)
        pairs = zip(drawn, notes, strict=True)
        return [Image(image.pixels[:height, :width], note) for image, note in pairs]

    def generate_item(
        self,
        *,
        text: str,
        steps: Size | None = None,
        guidance: Weight | None = None,
        temperature: Weight | None = None,
        top_k: Size | None = None,
        top_p: Fraction | None = None,
        size: tuple[int, int] | None = None,
        seed: int | None = 0,
    ) -> Image:
        """Draw one caption or class name; see `generate`. The notes also list the words that were ignored."""
        (drawn,) = self.generate(
            [text],
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            size=size,
        )
        return replace(drawn, notes=(*self.ignored_note(text), *drawn.notes))

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Captions as word ids, and pictures as codes; sets the vocabulary unless there is one."""
        ids = self.learn_words(rows)
        return Coded([*picture_codes(rows, cache, self.tokenizer, self.side)], {"words": ids})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture next to one drawn from its caption."""
        for row in rows:
            drawn = self.generate([row["text"]])[0]
            fitted = fit_image(decode_image(row["image"]), drawn.pixels.shape[:2])
            yield row["id"], Image(np.concatenate((fitted.pixels, drawn.pixels), axis=1))


def _checked_size(size: Any) -> tuple[int, int]:
    sides = list(size) if isinstance(size, Sequence) and not isinstance(size, str) else []
    if len(sides) != 2:
        raise InputError(f"size must be (height, width), integers from 1 to {LARGEST_SIDE} pixels, not {size!r}.")
    height, width = (integer("size: height and width", side, 1, LARGEST_SIDE) for side in sides)
    return height, width
