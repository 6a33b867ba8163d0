"""Image cells of dataset rows to pixels and back, with Pillow."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmzoo.errors import DataError
from mmzoo.interfaces.values import Image

MAX_PIXELS = 50_000_000
GUTTER = 4


def decode_image(cell: Mapping[str, Any] | None, *, max_pixels: int = MAX_PIXELS) -> Image:
    """The picture of a row's `image` cell, `{"bytes", "path"}` of a file Pillow can read, as RGB on white.

    The header is checked before anything is decoded. Raises DataError for an empty cell, a file that cannot be
    read and one of more than max_pixels pixels.
    """
    from PIL import Image as Pillow

    found = (cell or {}).get("bytes") or (cell or {}).get("path")
    if not found:
        raise DataError("This row has no picture; its image cell is empty.")
    name = f"{len(found)} bytes of a row's picture" if isinstance(found, bytes) else str(found)
    try:
        # Pillow has a limit of its own, which would speak of a "decompression bomb".
        with _unlimited(), Pillow.open(io.BytesIO(found) if isinstance(found, bytes) else found) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise DataError(
                    f"Cannot use {name}: it has {width} x {height} pixels; the most is {max_pixels:,}, make it smaller."
                )
            return Image(np.asarray(on_white(picture).convert("RGB")))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for some broken PNGs
        raise DataError(f"Cannot read {name} as a picture: {error}.") from error


def on_white(picture: Any) -> Any:
    """A Pillow image with what is transparent in it laid on white."""
    from PIL import Image as Pillow

    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return picture
    return Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture.convert("RGBA"))


def encode_image(image: Image) -> bytes:
    """The bytes of a PNG."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(image.pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_images(cells: Sequence[Any]) -> list[Image]:
    """The pictures of a whole column, to train on. Raises DataError where there are none, or not of one size."""
    found = [decode_image(cell) for cell in cells]
    if not found:
        raise DataError("The dataset has no rows to train on.")
    if len({picture.pixels.shape for picture in found}) > 1:
        raise DataError("The dataset has pictures of different sizes; give it one size.")
    return found


def sheet(*rows: Sequence[Image]) -> Image:
    """Rows of pictures of one size as one picture, white between them and where a row is shorter."""
    height, width = rows[0][0].pixels.shape[:2]
    columns = max(map(len, rows))
    page = np.full((len(rows) * (height + GUTTER) - GUTTER, columns * (width + GUTTER) - GUTTER, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            top, left = r * (height + GUTTER), c * (width + GUTTER)
            page[top : top + height, left : left + width] = picture.pixels
    return Image(page)


class _unlimited:  # noqa: N801 - used like a function
    """Pillow without its own limit on pixels, because ours is checked before anything is decoded."""

    def __enter__(self) -> None:
        from PIL import Image as Pillow

        self._limit = Pillow.MAX_IMAGE_PIXELS
        Pillow.MAX_IMAGE_PIXELS = None

    def __exit__(self, *details: object) -> None:
        from PIL import Image as Pillow

        Pillow.MAX_IMAGE_PIXELS = self._limit
