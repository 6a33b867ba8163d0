"""Decodes and encodes the pictures of dataset rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmzoo.errors import DataError, InputError
from mmzoo.interfaces.values import Image
from mmzoo.media.pictures import MAX_PIXELS, picture_bytes, pixels_of

GUTTER = 4


def decode_image(cell: Any, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode a row's `image` cell as a viewer shows it: upright, as RGB, on white where it is transparent.

    Args:
        cell: Whatever stands for a picture, see `mmzoo.media.pictures.pixels_of`.
        max_pixels: Largest width x height accepted; the header of a file is checked before anything is decoded.

    Raises:
        DataError: The cell is empty, or the file is unreadable or too large.
    """
    if cell is None:
        raise DataError("This row has no picture; its image cell is empty.")
    try:
        return Image(pixels_of(cell, max_pixels=max_pixels))
    except InputError as error:
        raise DataError(str(error)) from error


def encode_image(image: Image) -> bytes:
    """Encode a picture as PNG."""
    return picture_bytes(image.pixels, "png")


def sheet(*rows: Sequence[Image]) -> Image:
    """A contact sheet: rows of pictures of one size on a white page."""
    height, width = rows[0][0].pixels.shape[:2]
    columns = max(map(len, rows))
    page = np.full((len(rows) * (height + GUTTER) - GUTTER, columns * (width + GUTTER) - GUTTER, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            top, left = r * (height + GUTTER), c * (width + GUTTER)
            page[top : top + height, left : left + width] = picture.pixels
    return Image(page)
