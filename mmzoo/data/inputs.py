"""What people have at hand (paths, arrays, Pillow images, dataset rows) to an Image or an Audio."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from mmzoo.data.audio import MAX_SECONDS, RATES, decode_audio, resample
from mmzoo.data.image import MAX_PIXELS, decode_image, on_white
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces.values import Audio, Image

SILENCE, LOUDEST = 1e-4, 10.0
"""Sound whose largest sample is below the first is silent; above the second it is not in [-1, 1] by mistake."""


def as_image(given: Any) -> Image:
    """An Image, a path, the bytes of a file, a Pillow image, an array or tensor, a dataset row or its cell to an Image.

    Arrays are `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]`, whole numbers of 0 to 255 or floats of 0 to 1. Raises
    InputError for anything else, for files that cannot be read and for pictures that are too large.
    """
    if isinstance(given, Image):
        return _from_array(given.pixels)
    if hasattr(given, "convert") and hasattr(given, "mode"):
        try:
            return _from_array(np.asarray(on_white(given).convert("RGB")))
        except (OSError, ValueError, SyntaxError) as error:
            raise InputError(f"Cannot read the picture: {error}.") from error
    if (cell := _cell(given, "image")) is not None:
        try:
            return decode_image(cell)
        except DataError as error:
            raise InputError(str(error)) from error
    return _from_array(given)


def _cell(given: Any, column: str) -> Mapping[str, Any] | None:
    """The cell of a row, or a path or bytes as a cell; None for what is none of these."""
    if isinstance(given, bytes):
        return {"bytes": given, "path": None}
    if isinstance(given, str | PathLike):
        return {"bytes": None, "path": str(given)}
    if isinstance(given, Mapping):
        cell = given.get(column, given)
        if isinstance(cell, Mapping) and (cell.get("bytes") or cell.get("path")):
            return cell
        raise InputError(f"This row has no {column}: a column {column!r} with 'bytes' or 'path' was expected.")
    return None


def _array(given: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{what} is an array, and this {type(given).__name__} cannot be one: {error}.") from error


def _from_array(given: Any) -> Image:
    pixels = _array(given, "A picture")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InputError(
            f"A picture is an array [H, W] or [H, W, 1, 3 or 4 channels], not {list(np.shape(given))}"
            f" of {type(given).__name__}."
        )
    if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        raise InputError(
            f"The picture has {pixels.shape[1]} x {pixels.shape[0]} pixels; the most is {MAX_PIXELS:,}, make it"
            " smaller."
        )
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise InputError("A picture of floats holds values of 0 to 1 only; divide by 255 if they go to 255.")
        pixels = np.round(pixels * 255)
    elif not np.issubdtype(pixels.dtype, np.integer) or pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"A picture holds whole numbers of 0 to 255 or floats of 0 to 1, not {pixels.dtype}.")
    pixels = pixels.astype(np.uint8)
    if pixels.shape[2] == 4:
        from PIL import Image as Pillow

        return Image(np.asarray(on_white(Pillow.fromarray(pixels)).convert("RGB")))
    return Image(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)


def as_audio(given: Any, sample_rate: int) -> Audio:
    """An Audio, a path, the bytes of a file, (samples, rate), a dataset row or its cell to an Audio at `sample_rate`.

    Raises InputError for anything else, for files that cannot be read and for sound that is empty, silent or too long.
    """
    if isinstance(given, Audio):
        audio = _from_samples(given.samples, given.sample_rate)
    elif isinstance(given, tuple) and len(given) == 2:
        audio = _from_samples(*given)
    elif (cell := _cell(given, "audio")) is not None:
        try:
            audio = decode_audio(cell)
        except DataError as error:
            raise InputError(str(error)) from error
    else:
        raise InputError(
            f"Speech is an Audio, a path, a dataset row or (samples, sample rate), not {type(given).__name__}; an array"
            " alone does not tell its sample rate."
        )
    if len(audio.samples) == 0:
        raise InputError("The audio is empty: it has no samples.")
    if audio.duration > MAX_SECONDS:
        raise InputError(f"The audio lasts {audio.duration:.0f} s; the most is {MAX_SECONDS:g} s, cut it up.")
    if not np.isfinite(audio.samples).all():
        raise InputError("The audio has samples that are not finite numbers.")
    loudest = float(np.abs(audio.samples).max())
    if loudest < SILENCE:
        raise InputError("The audio is silent from beginning to end.")
    if loudest > LOUDEST:
        raise InputError(f"The audio has samples up to {loudest:g}; they belong in [-1, 1], divide by the largest.")
    return Audio(resample(audio.samples, audio.sample_rate, sample_rate), sample_rate)


def _from_samples(samples: Any, rate: Any) -> Audio:
    sound = _array(samples, "Sound")
    if sound.ndim != 1 or not np.issubdtype(sound.dtype, np.floating):
        raise InputError(
            f"Samples are one row of floats in [-1, 1], not {list(sound.shape)} of {sound.dtype}; average channels"
            " first."
        )
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"A sample rate is a whole number of {RATES[0]:,} to {RATES[1]:,} Hz, not {rate!r}.")
    return Audio(sound.astype(np.float32), int(rate))
