"""Pictures: reads picture files, Pillow images and array-likes as RGB, as a viewer shows them, and writes them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from mmzoo.errors import InputError
from mmzoo.media.sources import array_of, cell_of, is_file, opened

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Mask = np.ndarray[Any, np.dtype[np.float32]]

MAX_PIXELS = 50_000_000
FORMATS = ("png", "jpg", "jpeg", "webp")
"""File formats that can be written, which are also their suffixes."""
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG"},
    "jpg": {"format": "JPEG", "quality": 95},
    "jpeg": {"format": "JPEG", "quality": 95},
    "webp": {"format": "WEBP", "lossless": True},
}
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")


def pixels_of(given: Any, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read whatever stands for a picture as uint8 `[H, W, 3]`.

    Args:
        given: A file (see `sources.opened`), an object with `pixels`, a Pillow image, a dataset row or its `image`
            cell, or an array-like (see `array_pixels`).
        max_pixels: Largest width x height accepted; of a file, the header is checked before anything is decoded.

    Raises:
        InputError: It is something else, unreadable, or too large.
    """
    if isinstance(given, Mapping):
        given = cell_of(given, "image")
    if is_file(given):
        return read_picture(given, max_pixels=max_pixels)
    if hasattr(given, "convert") and hasattr(given, "mode"):
        _check_size(given.size, "the picture", max_pixels)
        return _shown(given, "the picture")
    return array_pixels(given.pixels if hasattr(given, "pixels") else given, max_pixels=max_pixels)


def mask_of(given: Any) -> Mask:
    """Read whatever stands for a mask as float32 `[H, W]` from 0 to 1; 1 is white.

    Args:
        given: What `pixels_of` takes, of which the brightness counts; or an array-like `[H, W]` (also with an axis of
            one before or after) of bools, of floats in 0..1, or of integers that are 0 and 1 or go up to 255.

    Raises:
        InputError: It is something else, unreadable or too large.
    """
    if isinstance(given, Mapping) or is_file(given) or hasattr(given, "pixels") or hasattr(given, "convert"):
        return np.asarray(pixels_of(given).mean(-1, dtype=np.float32) / 255, np.float32)
    array = array_of(given, "A mask")
    if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() <= 1:
        array = array.astype(bool)
    if array.dtype.kind == "f":
        single = array[0] if array.ndim == 3 and array.shape[0] == 1 else array
        single = single[..., 0] if single.ndim == 3 and single.shape[2] == 1 else single
        if single.ndim == 2 and single.size and single.min() >= 0 and single.max() <= 1:
            return single.astype(np.float32)  # not rounded to 255 levels
    return np.asarray(array_pixels(array).mean(-1, dtype=np.float32) / 255, np.float32)


# --- files and Pillow images ---------------------------------------------------------------------------


def read_picture(given: Any, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read a picture file that Pillow can read; of an animation, the first frame.

    Args:
        given: A path, the bytes of a file or an open file.
        max_pixels: Largest width x height accepted.

    Raises:
        InputError: The file cannot be read or is too large.
    """
    from PIL import Image, UnidentifiedImageError

    with opened(given, "picture") as (stream, name):
        try:
            with _no_limit():  # Pillow's own limit, which ours replaces, would raise an error about a "bomb"
                picture = Image.open(stream)
            with picture:
                _check_size(picture.size, name, max_pixels)
                return _shown(picture, name)
        except InputError:
            raise
        except UnidentifiedImageError as error:
            why = (
                "HEIC is not supported, convert it to JPEG"
                if _is_heic(stream)
                else "Pillow does not recognize its format"
            )
            raise InputError(f"Cannot read {name} as a picture: {why}.") from error
        except Exception as error:  # Pillow raises many kinds of errors for broken files
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise InputError(f"Cannot read {name} as a picture: {reason}.") from error


def _is_heic(stream: Any) -> bool:
    """Whether a file is a photograph as telephones store them, which Pillow does not read."""
    stream.seek(0)
    return bytes(stream.read(12))[4:] in (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InputError(
            f"Cannot use {name}: it has {width} x {height} pixels; the limit is {max_pixels:,}, scale it down."
        )


def _shown(picture: Any, name: str) -> Pixels:
    """What a viewer shows of a Pillow image: upright, in sRGB, on white where it is transparent."""
    from PIL import Image, ImageOps

    try:
        levels = 65_535 if picture.format == "PPM" and picture.mode == "I" else None
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith(("I", "F")):
            return _gray_pixels(np.asarray(picture), levels, name)
        if picture.mode in _TRANSPARENT or "transparency" in picture.info:
            profile = picture.info.get("icc_profile")
            picture = picture.convert("LA") if picture.mode == "La" else picture
            picture = picture.convert("RGBA")
            colors = picture.convert("RGB")
            colors.info["icc_profile"] = profile
            white = Image.new("RGB", picture.size, "white")
            return np.array(Image.composite(_in_srgb(colors), white, picture.getchannel("A")))
        return np.array(_in_srgb(picture.convert("RGB") if picture.mode == "P" else picture))
    except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError for some broken PNGs
        raise InputError(f"Cannot read {name}: {error}.") from error


def _gray_pixels(values: np.ndarray[Any, Any], levels: float | None, name: str) -> Pixels:
    """Gray levels of more than 8 bits, `[H, W]`, as RGB.

    16-bit integers are scaled by their range. Other integers and floats have no fixed white: it is the first of 1 (of
    floats only), 255 and 65,535 (of integers only) that no value exceeds. If there is none, or a value is negative, the
    lowest value becomes black and the highest white.
    """
    if not np.isfinite(values).all():
        raise InputError(f"Cannot use {name}: it has pixels that are NaN or infinite.")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        levels = 65_535
    if levels is None and low >= 0:
        levels = next(
            (white for white in ((1, 255) if values.dtype.kind == "f" else (255, 65_535)) if high <= white), None
        )
    if levels is None:
        values, levels = values.astype(np.float64) - low, max(high - low, 1e-12)
    gray = np.round(values.astype(np.float64) * (255 / levels)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def _in_srgb(picture: Any) -> Any:
    """A Pillow image as RGB, converted from its color profile if it has one that is not sRGB and can be used."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if not profile and picture.mode != "LAB":
        return picture.convert("RGB")
    try:
        source = (
            ImageCms.createProfile("LAB") if picture.mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        )
        if picture.mode != "LAB" and "sRGB" in ImageCms.getProfileDescription(source):
            return picture.convert("RGB")
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError):
        return picture.convert("RGB")  # a viewer ignores a broken profile


_LIMIT_LOCK = threading.Lock()


@contextmanager
def _no_limit() -> Iterator[None]:
    """Disables Pillow's pixel limit, which is one for all threads."""
    from PIL import Image

    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


# --- arrays --------------------------------------------------------------------------------------------


def array_pixels(given: Any, *, max_pixels: int | None = None) -> Pixels:
    """An array-like as uint8 `[H, W, 3]`.

    Args:
        given: `[H, W]`, `[H, W, C]` or `[C, H, W]` of 1, 3 or 4 channels, also with a leading axis of one: bools,
            integers in 0..255, uint16 in 0..65,535, or floats in 0..1. The last axis holds the channels if it can,
            else the first, if it is the shortest; a fourth channel is transparency and lies on white.
        max_pixels: Largest width x height accepted; None for no limit.

    Raises:
        InputError: It has another shape, dtype or range, or is too large.
    """
    if type(given) is np.ndarray and given.dtype == np.uint8 and given.ndim == 3 and given.shape[2] == 3 and given.size:
        pixels = given
    else:
        pixels = _channels_last(array_of(given, "A picture"), type(given).__name__)
    if max_pixels is not None:
        _check_size((pixels.shape[1], pixels.shape[0]), "the picture", max_pixels)
    pixels = _eight_bits(pixels)
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        return np.round(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)


def _channels_last(array: np.ndarray[Any, Any], given: str) -> np.ndarray[Any, Any]:
    pixels = array[0] if array.ndim == 4 and array.shape[0] == 1 else array
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    elif pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4) and pixels.shape[0] <= min(pixels.shape):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InputError(
            f"A picture must be an array [H, W], [H, W, C] or [C, H, W] with 1, 3 or 4 channels, not {given}"
            f" {list(array.shape)}."
        )
    return pixels


def _eight_bits(pixels: np.ndarray[Any, Any]) -> Pixels:
    kind = pixels.dtype.kind
    if pixels.dtype == np.uint8:
        return pixels
    if kind == "b":
        return pixels.astype(np.uint8) * np.uint8(255)
    if kind == "u" and pixels.dtype.itemsize == 2:
        return np.round(pixels.astype(np.float64) / 257).astype(np.uint8)
    if kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise InputError("Float pixels must lie in 0..1; divide by 255 if they go up to 255.")
        return np.round(pixels.astype(np.float64) * 255).astype(np.uint8)
    if pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"Pixels must be integers in 0..255 or floats in 0..1, not {pixels.dtype} outside of that.")
    return pixels.astype(np.uint8)


def picture_bytes(pixels: Pixels, format: str) -> bytes:
    """The bytes of a picture file; JPEG has quality 95, WebP is lossless.

    Args:
        pixels: uint8 `[H, W, 3]`.
        format: One of FORMATS.

    Raises:
        InputError: The format cannot hold a picture of this size.
    """
    from PIL import Image

    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, **_OPTIONS[format])
    except (OSError, ValueError) as error:
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise InputError(f"Cannot write {size} pixels as {format}: {error}; choose PNG.") from error
    return buffer.getvalue()
