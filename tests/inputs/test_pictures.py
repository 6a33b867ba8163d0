"""Picture files and masks: each gives the picture that a viewer shows."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from given import PICTURE_VERBS, PIXELS, Verb, light, model, values
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from mmzoo.data import as_image, as_mask, decode_image
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import Image

# Flat squares, which lossy formats keep.
SQUARES = np.kron(np.arange(0, 240, 5, dtype=np.uint8).reshape(6, 8)[..., None], np.ones((8, 8, 3), np.uint8))
COLORS = SQUARES + np.array([0, 6, 12], np.uint8)
GRAY = np.repeat(COLORS[..., :1], 3, axis=2)
PICTURE, LEVELS = Pillow.fromarray(COLORS), GRAY[..., 0]
ALPHA = np.tile(np.array([255, 0, 255, 128], np.uint8), (48, 16))
WEIGHT = ALPHA[..., None] / 255


def encoded(picture: Any, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def on_white(pixels: Any) -> Any:
    return np.round(pixels * WEIGHT + 255 * (1 - WEIGHT)).astype(np.uint8)


def black_and_white() -> Any:
    return Pillow.fromarray(LEVELS > 100)


def frames() -> dict[str, Any]:
    return {"save_all": True, "append_images": [PICTURE.rotate(180)]}


def palette() -> Any:
    return PICTURE.quantize(64, dither=Pillow.Dither.NONE)


def transparent_palette() -> tuple[bytes, Any]:
    picture = palette()
    index = int(np.asarray(picture)[0, 0])
    expected = np.array(picture.convert("RGB"))
    expected[np.asarray(picture) == index] = 255
    return encoded(picture, "PNG", transparency=index), expected


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def lab() -> Any:
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(PICTURE, *spaces, outputMode="LAB")


def pgm(dtype: str, scale: int) -> bytes:
    return b"P5 64 48 %d\n" % (255 * scale) + (LEVELS.astype(np.uint16) * scale).astype(dtype).tobytes()


STRETCHED = np.round((LEVELS - 0.0) / LEVELS.max() * 255).astype(np.uint8)
FORMATS: dict[str, tuple[bytes, Any, int]] = {  # the file, its pixels, and by how much they may differ
    "16-bit PNG": (encoded(Pillow.fromarray(LEVELS.astype(np.uint16) * 257), "PNG"), GRAY, 0),
    "16-bit TIFF": (encoded(Pillow.fromarray(LEVELS.astype(np.uint16) * 257), "TIFF"), GRAY, 0),
    "16-bit PGM": (pgm(">u2", 257), GRAY, 0),
    "dark 16-bit PGM": (b"P5 64 48 65535\n" + LEVELS.astype(">u2").tobytes(), np.round(GRAY / 257), 0),
    "32-bit TIFF": (encoded(Pillow.fromarray(LEVELS.astype(np.int32) * 257), "TIFF"), GRAY, 0),
    "float TIFF to 1": (encoded(Pillow.fromarray((LEVELS / 255).astype(np.float32)), "TIFF"), GRAY, 0),
    "float TIFF to 255": (encoded(Pillow.fromarray(LEVELS.astype(np.float32)), "TIFF"), GRAY, 0),
    "float TIFF of any range": (
        encoded(Pillow.fromarray(LEVELS.astype(np.float32) * 7 - 1000), "TIFF"),
        np.repeat(STRETCHED[..., None], 3, axis=2),
        1,
    ),
    "1-bit PNG": (encoded(black_and_white(), "PNG"), np.where(GRAY > 100, 255, 0), 0),
    "1-bit TIFF": (encoded(black_and_white(), "TIFF", compression="group4"), np.where(GRAY > 100, 255, 0), 0),
    "gray PNG": (encoded(Pillow.fromarray(LEVELS), "PNG"), GRAY, 0),
    "RGBA PNG": (encoded(Pillow.fromarray(np.dstack([COLORS, ALPHA])), "PNG"), on_white(COLORS), 1),
    "RGBA WebP": (
        encoded(Pillow.fromarray(np.dstack([COLORS, ALPHA])), "WEBP", lossless=True, exact=True),
        on_white(COLORS),
        1,
    ),
    "LA PNG": (encoded(Pillow.fromarray(np.dstack([LEVELS, ALPHA])), "PNG"), on_white(GRAY), 1),
    "gray PNG with a transparent level": (
        encoded(Pillow.fromarray(LEVELS), "PNG", transparency=5),
        np.where(GRAY == 5, 255, GRAY),
        0,
    ),
    "palette PNG": (encoded(palette(), "PNG"), np.asarray(palette().convert("RGB")), 0),
    "palette PNG with a transparent color": (*transparent_palette(), 0),
    "GIF": (encoded(palette(), "GIF"), np.asarray(palette().convert("RGB")), 0),
    "animated GIF": (encoded(palette(), "GIF", **frames()), np.asarray(palette().convert("RGB")), 0),
    "animated WebP": (encoded(PICTURE, "WEBP", lossless=True, **frames()), COLORS, 0),
    "animated PNG": (encoded(PICTURE, "PNG", **frames()), COLORS, 0),
    "TIFF of several pages": (encoded(PICTURE, "TIFF", **frames()), COLORS, 0),
    "JPEG": (encoded(PICTURE, "JPEG", quality=95), COLORS, 4),
    "progressive JPEG": (encoded(PICTURE, "JPEG", quality=95, progressive=True), COLORS, 4),
    "CMYK JPEG": (encoded(PICTURE.convert("CMYK"), "JPEG", quality=95), COLORS, 4),
    "CMYK TIFF": (encoded(PICTURE.convert("CMYK"), "TIFF"), COLORS, 1),
    "YCbCr TIFF": (encoded(PICTURE.convert("YCbCr"), "TIFF"), COLORS, 3),
    "Lab TIFF": (encoded(lab(), "TIFF"), COLORS, 8),
    "WebP": (encoded(PICTURE, "WEBP", lossless=True), COLORS, 0),
    "BMP": (encoded(PICTURE, "BMP"), COLORS, 0),
    "JPEG 2000": (encoded(PICTURE, "JPEG2000"), COLORS, 1),
    "PPM": (encoded(PICTURE, "PPM"), COLORS, 0),
    "TGA": (encoded(PICTURE, "TGA"), COLORS, 0),
    "sRGB profile": (encoded(PICTURE, "PNG", icc_profile=profile()), COLORS, 0),
    "broken profile": (encoded(PICTURE, "PNG", icc_profile=b"broken" * 50), COLORS, 0),
}
UPRIGHT = {  # by the EXIF orientation of a picture
    1: COLORS,
    2: COLORS[:, ::-1],
    3: COLORS[::-1, ::-1],
    4: COLORS[::-1],
    5: COLORS.transpose(1, 0, 2),
    6: np.rot90(COLORS, -1),
    7: COLORS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(COLORS),
}
for orientation, upright in UPRIGHT.items():
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    FORMATS[f"EXIF orientation {orientation}"] = (encoded(PICTURE, "PNG", exif=exif), upright, 0)


@pytest.mark.parametrize(("content", "expected", "tolerance"), FORMATS.values(), ids=FORMATS)
def test_a_viewer_shows_this(content: bytes, expected: Any, tolerance: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    opened = Pillow.open(io.BytesIO(content))
    for image in (
        Image.load(tmp_path / "a"),
        as_image(content),
        as_image(opened),
        decode_image({"bytes": content, "path": None}),
    ):
        assert image.pixels.shape == expected.shape
        assert np.abs(image.pixels.astype(int) - expected).max() <= tolerance
    mask = as_mask(content)
    assert mask.dtype == np.float32 and np.abs(mask - expected.mean(-1) / 255).max() <= tolerance / 255 + 1e-6


def test_a_profile_other_than_srgb_is_converted() -> None:
    """Red and green change places in this one, and so in what a viewer shows."""
    swapped = bytearray(profile())
    count = struct.unpack(">I", swapped[128:132])[0]
    tags = {bytes(swapped[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    swapped[red + 4 : red + 12], swapped[green + 4 : green + 12] = (
        swapped[green + 4 : green + 12],
        swapped[red + 4 : red + 12],
    )
    at = swapped.find("sRGB".encode("utf-16-be"))
    swapped[at : at + 8] = "mine".encode("utf-16-be")
    picture = Pillow.new("RGB", (2, 2), (255, 0, 0))
    shown = as_image(encoded(picture, "PNG", icc_profile=bytes(swapped))).pixels[0, 0]
    assert np.abs(shown.astype(int) - [0, 255, 0]).max() <= 4


@pytest.mark.parametrize("verb", light(PICTURE_VERBS, "vqvae-dit-recognition"))
def test_every_verb_sees_what_a_viewer_shows(verb: Verb) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    square = Pillow.fromarray(PIXELS)
    gray = np.repeat(PIXELS[..., :1], 3, axis=2)
    clear = np.dstack([PIXELS, np.zeros((32, 32), np.uint8)])
    for content, shown in (
        (encoded(square, "PNG", exif=exif), np.rot90(PIXELS, -1)),
        (encoded(Pillow.fromarray(PIXELS[..., 0].astype(np.uint16) * 257), "PNG"), gray),
        (encoded(Pillow.fromarray((PIXELS[..., 0] / 255).astype(np.float32)), "TIFF"), gray),
        (encoded(Pillow.fromarray(clear), "PNG"), np.full_like(PIXELS, 255)),
        (encoded(square, "WEBP", lossless=True), PIXELS),
    ):
        assert values(verb(io.BytesIO(content))) == values(verb(Image(shown)))


def huge(width: int, height: int) -> bytes:
    """A PNG whose header claims this size."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")))
    packed = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


BROKEN = {
    "empty": b"",
    "text": b"no picture",
    "PNG": encoded(Pillow.fromarray(PIXELS), "PNG")[:900],
    "JPEG": encoded(PICTURE, "JPEG")[:500],
    "GIF": encoded(palette(), "GIF")[:300],
    "WebP": encoded(PICTURE, "WEBP")[:60],
    "BMP": encoded(PICTURE, "BMP")[:500],
    "TIFF": encoded(PICTURE, "TIFF")[:500],
    "NaN": encoded(Pillow.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"),
    "infinity": encoded(Pillow.fromarray(np.full((4, 4), np.inf, np.float32)), "TIFF"),
    "30000 x 30000": huge(30_000, 30_000),
    "10000 x 10000": huge(10_000, 10_000),
}


@pytest.mark.parametrize(("name", "content"), BROKEN.items(), ids=BROKEN)
def test_a_broken_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (Image.load, as_image, as_mask):
            with pytest.raises(InputError, match=r"broken\.png") as caught:
                read(path)
            assert " x " not in name or name in str(caught.value)
        with pytest.raises(DataError, match=r"broken\.png"):
            decode_image({"path": str(path)})


@pytest.mark.slow
@pytest.mark.parametrize("verb", PICTURE_VERBS.values(), ids=PICTURE_VERBS)
def test_every_verb_refuses_broken_files(verb: Verb, tmp_path: Path) -> None:
    for content in BROKEN.values():
        (tmp_path / "broken.png").write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.png"):
            verb(tmp_path / "broken.png")


# --- masks -------------------------------------------------------------------------------------------

HOLE = np.zeros((32, 32), bool)
HOLE[8:20, 8:20] = True
WHITE = HOLE.astype(np.uint8) * 255
MASKS = {
    "bool": HOLE,
    "list": HOLE.tolist(),
    "0 and 255": WHITE,
    "0 and 1": HOLE.astype(np.uint8),
    "int64": HOLE.astype(np.int64),
    "float": HOLE.astype(np.float32),
    "tensor": torch.from_numpy(HOLE),
    "tensor [1, H, W]": torch.from_numpy(HOLE)[None].float(),
    "[H, W, 1]": HOLE[..., None],
    "Pillow 1-bit": Pillow.fromarray(HOLE),
    "Pillow gray": Pillow.fromarray(WHITE),
    "bytes": encoded(Pillow.fromarray(WHITE), "PNG"),
    "cell": {"bytes": encoded(Pillow.fromarray(HOLE), "PNG"), "path": None},
    "Image": Image(WHITE),
    "transparent": Pillow.fromarray(np.dstack([np.zeros((32, 32, 3), np.uint8), 255 - WHITE])),
}


@pytest.mark.parametrize("given", MASKS.values(), ids=MASKS)
def test_white_is_redrawn(given: Any) -> None:
    assert np.array_equal(as_mask(given), HOLE.astype(np.float32))


def test_a_mask_keeps_what_is_black_and_blends_what_is_gray() -> None:
    artist = model("vqvae-dit-digits")
    (drawn,) = artist.inpaint([PIXELS], [HOLE], steps=1)
    (soft,) = artist.inpaint([PIXELS], [HOLE * 0.75], steps=1)
    assert np.array_equal(drawn.pixels[~HOLE], PIXELS[~HOLE]) and np.array_equal(soft.pixels[~HOLE], PIXELS[~HOLE])
    expected = PIXELS + 0.75 * (drawn.pixels.astype(float) - PIXELS)
    assert np.abs(soft.pixels - expected).max() <= 0.5 + 1e-4
    assert np.abs(drawn.pixels.astype(int) - PIXELS).max() > 20


@pytest.mark.parametrize("given", [np.full((32, 32), np.nan), np.full((32, 32), 1.5), HOLE[:5], np.zeros(4), "no.png"])
def test_no_masks(given: Any) -> None:
    with pytest.raises(InputError):
        model("vqvae-dit-digits").inpaint([PIXELS], [given])


def test_exif_of_a_pillow_image_is_honored_once() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    opened = Pillow.open(io.BytesIO(encoded(PICTURE, "JPEG", exif=exif, quality=95)))
    assert as_image(opened).pixels.shape == as_image(ImageOps.exif_transpose(opened)).pixels.shape == (64, 48, 3)
