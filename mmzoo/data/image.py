"""Decodes and encodes the images of dataset rows with Pillow."""

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
    """Decode a row's `image` cell to RGB, with transparency on white. The header is checked first.

    Args:
        cell: `{"bytes", "path"}` of a file that Pillow can read.
        max_pixels: Largest width x height accepted.

    Raises:
        DataError: The cell is empty, or the file is unreadable or too large.
    """
    from PIL import Image as Pillow

    file = (cell or {}).get("bytes") or (cell or {}).get("path")
    if not file:
        raise DataError("This row has no picture; its image cell is empty.")
    name = f"{len(file)} bytes of a row's picture" if isinstance(file, bytes) else str(file)
    try:
        # Pillow's own limit would raise an error about a "decompression bomb".
        with _unlimited(), Pillow.open(io.BytesIO(file) if isinstance(file, bytes) else file) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise DataError(
                    f"Cannot use {name}: it has {width} x {height} pixels; the limit is {max_pixels:,}, scale it down."
                )
            return Image(np.asarray(on_white(picture).convert("RGB")))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for some broken PNGs
        raise DataError(f"Cannot read {name} as a picture: {error}.") from error


def on_white(picture: Any) -> Any:
    """A Pillow image composited on white if it has transparency, else unchanged."""
    from PIL import Image as Pillow

    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return picture
    return Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture.convert("RGBA"))


def encode_image(image: Image) -> bytes:
    """Encode a picture as PNG."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(image.pixels).save(buffer, format="PNG")
    return buffer.getvalue()


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


class _unlimited:  # noqa: N801 - used like a function
    """Disables Pillow's pixel limit; ours is checked before anything is decoded."""

    def __enter__(self) -> None:
        from PIL import Image as Pillow

        self._limit = Pillow.MAX_IMAGE_PIXELS
        Pillow.MAX_IMAGE_PIXELS = None

    def __exit__(self, *details: object) -> None:
        from PIL import Image as Pillow

        Pillow.MAX_IMAGE_PIXELS = self._limit
