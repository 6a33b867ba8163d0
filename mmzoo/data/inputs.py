"""Converts what users pass to models (paths, arrays, Pillow images, dataset rows) to an Image or Audio."""

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
"""Audio whose peak is below the first is silent; a peak above the second means that it was never scaled to [-1, 1]."""


def as_image(given: Any) -> Image:
    """Convert to an Image.

    Args:
        given: An Image, a path, the bytes of a file, a Pillow image, a dataset row or its `image` cell, or an array or
            tensor `[H, W]` or `[H, W, 1, 3 or 4]` of integers in 0..255 or floats in 0..1.

    Raises:
        InputError: It is something else, unreadable, or too large.
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
    """The cell of a row, or a path or bytes as a cell; None for anything else."""
    if isinstance(given, bytes):
        return {"bytes": given, "path": None}
    if isinstance(given, str | PathLike):
        return {"bytes": None, "path": str(given)}
    if isinstance(given, Mapping):
        cell = given.get(column, given)
        if isinstance(cell, Mapping) and (cell.get("bytes") or cell.get("path")):
            return cell
        raise InputError(f"This row has no {column}; expected a column {column!r} with 'bytes' or 'path'.")
    return None


def _array(given: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{what} must be an array; this {type(given).__name__} cannot become one: {error}.") from error


def _from_array(given: Any) -> Image:
    pixels = _array(given, "A picture")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InputError(
            f"A picture must be an array [H, W] or [H, W, 1, 3 or 4 channels], not {list(np.shape(given))}"
            f" of {type(given).__name__}."
        )
    if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        raise InputError(
            f"The picture has {pixels.shape[1]} x {pixels.shape[0]} pixels; the limit is {MAX_PIXELS:,}, scale it down."
        )
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise InputError("Float pixels must lie in 0..1; divide by 255 if they go up to 255.")
        pixels = np.round(pixels * 255)
    elif not np.issubdtype(pixels.dtype, np.integer) or pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"Pixels must be integers in 0..255 or floats in 0..1, not {pixels.dtype}.")
    pixels = pixels.astype(np.uint8)
    if pixels.shape[2] == 4:
        from PIL import Image as Pillow

        return Image(np.asarray(on_white(Pillow.fromarray(pixels)).convert("RGB")))
    return Image(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)


def as_audio(given: Any, sample_rate: int) -> Audio:
    """Convert to an Audio at `sample_rate` Hz.

    Args:
        given: An Audio, a path, the bytes of a file, (samples, rate), a dataset row or its `audio` cell.
        sample_rate: Rate of the result in Hz.

    Raises:
        InputError: It is something else, unreadable, empty, silent, or too long.
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
            f"Speech must be an Audio, a path, a dataset row or (samples, sample rate), not {type(given).__name__};"
            " an array alone has no sample rate."
        )
    if len(audio.samples) == 0:
        raise InputError("The audio is empty: it has no samples.")
    if audio.duration > MAX_SECONDS:
        raise InputError(f"The audio lasts {audio.duration:.0f} s; the limit is {MAX_SECONDS:g} s, split it.")
    if not np.isfinite(audio.samples).all():
        raise InputError("The audio has samples that are NaN or infinite.")
    peak = float(np.abs(audio.samples).max())
    if peak < SILENCE:
        raise InputError("The audio is silent throughout.")
    if peak > LOUDEST:
        raise InputError(f"The audio has samples up to {peak:g}; they must lie in [-1, 1], divide by the largest.")
    return Audio(resample(audio.samples, audio.sample_rate, sample_rate), sample_rate)


def _from_samples(samples: Any, rate: Any) -> Audio:
    array = _array(samples, "Audio")
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"Samples must be a 1-D array of floats in [-1, 1], not {list(array.shape)} of {array.dtype}; average"
            " channels first."
        )
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"The sample rate must be an integer from {RATES[0]:,} to {RATES[1]:,} Hz, not {rate!r}.")
    return Audio(array.astype(np.float32), int(rate))
