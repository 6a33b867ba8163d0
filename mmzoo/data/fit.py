"""Fits pictures of any size to the one size that a model trains on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from mmzoo.data.image import decode_image
from mmzoo.errors import DataError
from mmzoo.interfaces.values import Image

DEFAULT_SIDE = 64
"""Pixels of the side to which pictures are fitted if neither they nor the model have a size to train at."""
LARGEST_SIDE = 256
"""Pixels of the longest side at which pictures are trained on as they are."""


def fit_image(
    image: Image, size: tuple[int, int], how: Literal["crop", "pad", "stretch"] = "crop", *, nearest: bool = False
) -> Image:
    """Resize to (height, width) with bicubic interpolation.

    Args:
        image: A picture of any size; one of this size is returned as it is.
        size: Height and width in pixels.
        how: `crop` covers the size and crops the center, `pad` fits into the size and adds white, `stretch` changes the
            aspect ratio.
        nearest: Take the nearest pixel instead, for pictures whose values are not brightness, such as masks of classes.
    """
    from PIL import Image as Pillow

    height, width = image.pixels.shape[:2]
    if (height, width) == size:
        return image
    factors = size[0] / height, size[1] / width
    factor = max(factors) if how == "crop" else min(factors)
    scaled = size if how == "stretch" else (max(1, round(height * factor)), max(1, round(width * factor)))
    method = Pillow.Resampling.NEAREST if nearest else Pillow.Resampling.BICUBIC
    picture = Pillow.fromarray(image.pixels).resize((scaled[1], scaled[0]), method)
    top, left = (scaled[0] - size[0]) // 2, (scaled[1] - size[1]) // 2
    box = (left, top, left + size[1], top + size[0])
    if how == "pad":
        page = Pillow.new("RGB", (size[1], size[0]), "white")
        page.paste(picture, (-left, -top))
        return Image(np.array(page))
    return Image(np.array(picture.crop(box)))


def training_size(cells: Iterable[Any], side: int | None = None, patch: int = 1) -> tuple[int, int]:
    """The (height, width) at which to train on a column of pictures.

    It is their own if all have the same, no side is longer than LARGEST_SIDE, and both are multiples of `patch`.
    If not, it is DEFAULT_SIDE x DEFAULT_SIDE, rounded up to a multiple of `patch`.

    Args:
        cells: The column `image`.
        side: Pixels of each side, whatever the pictures; None to look at them.
        patch: The model's patch.

    Raises:
        DataError: There are no pictures, or one cannot be read.
    """
    if side is not None:
        return side, side
    default = -(-DEFAULT_SIDE // patch) * patch
    size: tuple[int, int] | None = None
    for cell in cells:
        height, width = decode_image(cell).pixels.shape[:2]
        if size not in (None, (height, width)) or max(height, width) > LARGEST_SIDE or height % patch or width % patch:
            return default, default
        size = height, width
    if size is None:
        raise DataError("The dataset has no rows to train on.")
    return size


def decode_images(cells: Sequence[Any], side: int | None = None, patch: int = 1) -> list[Image]:
    """Decode a column for training, with all pictures at one size.

    Args:
        cells: The column `image`.
        side: As for `training_size`.
        patch: As for `training_size`.

    Raises:
        DataError: The column is empty, or a picture cannot be read.
    """
    size = training_size(cells, side, patch)
    return [fit_image(decode_image(cell), size) for cell in cells]
