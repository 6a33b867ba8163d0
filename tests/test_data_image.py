"""Pictures in dataset rows: what is read, and what is refused before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from mmzoo.data import decode_image, decode_images, encode_image, sheet
from mmzoo.errors import DataError
from mmzoo.interfaces import Image


def test_pixels_go_round_exactly(tmp_path: Path) -> None:
    image = Image(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8))
    content = encode_image(image)
    assert np.array_equal(decode_image({"bytes": content, "path": None}).pixels, image.pixels)
    (tmp_path / "a.png").write_bytes(content)
    assert np.array_equal(decode_image({"path": str(tmp_path / "a.png")}).pixels, image.pixels)


def test_transparency_lies_on_white_and_gray_becomes_rgb() -> None:
    buffer = io.BytesIO()
    Pillow.new("RGBA", (2, 2), (255, 0, 0, 0)).save(buffer, "PNG")
    assert (decode_image({"bytes": buffer.getvalue()}).pixels == 255).all()
    buffer = io.BytesIO()
    Pillow.new("L", (2, 2), 7).save(buffer, "PNG")
    assert decode_image({"bytes": buffer.getvalue()}).pixels.tolist() == [[[7, 7, 7]] * 2] * 2


@pytest.mark.parametrize("cell", [None, {}, {"bytes": b"", "path": None}])
def test_an_empty_cell_is_named(cell: dict[str, bytes] | None) -> None:
    with pytest.raises(DataError):
        decode_image(cell)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        decode_image({"bytes": b"not a picture"})
    with pytest.raises(DataError):
        decode_image({"path": str(tmp_path / "absent.png")})
    whole = encode_image(Image(np.zeros((64, 64, 3), np.uint8)))
    with pytest.raises(DataError):
        decode_image({"bytes": whole[: len(whole) // 2]})


def test_a_photograph_in_heic_is_named_as_such() -> None:
    with pytest.raises(DataError, match=r"HEIC.*JPEG"):
        decode_image({"bytes": b"\0\0\0\x18ftypheic" + bytes(99)})


def test_a_huge_picture_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    png += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(DataError, match="30000 x 30000"):
        decode_image({"bytes": png})


def test_a_sheet_lays_pictures_out_row_by_row() -> None:
    first, second, third = (Image(np.full((2, 3, 3), value, np.uint8)) for value in (10, 20, 30))
    page = sheet([first, second], [third]).pixels
    assert page.shape == (8, 10, 3)
    assert page[0, 0, 0] == 10 and page[1, 9, 0] == 20 and page[6, 0, 0] == 30 and page[6, 7, 0] == 255


@pytest.mark.parametrize(
    ("sizes", "patch", "expected"),
    [
        ([(24, 32), (24, 32)], 8, (24, 32)),  # as they are
        ([(24, 32), (32, 24)], 8, (64, 64)),  # different sizes
        ([(60, 80), (60, 80)], 8, (64, 64)),  # one size that the model's patches do not fill
        ([(60, 80), (60, 80)], 1, (60, 80)),
        ([(8, 264)], 8, (64, 64)),  # as large as photographs
        ([(9, 9)], 7, (70, 70)),
    ],
)
def test_the_size_to_train_at_is_one_that_the_model_takes(
    sizes: list[tuple[int, int]], patch: int, expected: tuple[int, int]
) -> None:
    cells = [{"bytes": encode_image(Image(np.zeros((*size, 3), np.uint8)))} for size in sizes]
    assert {image.pixels.shape[:2] for image in decode_images(cells, patch=patch)} == {expected}
