"""Converts what users pass to models (files, arrays, Pillow images, dataset rows) to an Image, Audio, mask or text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmzoo.data.audio import resample
from mmzoo.errors import InputError
from mmzoo.interfaces.values import Audio, Image
from mmzoo.media.pictures import Mask, mask_of, pixels_of
from mmzoo.media.sounds import sound_of
from mmzoo.media.sources import is_number, opened

SILENCE, LOUDEST = 1e-4, 10.0
"""Audio whose peak is below the first is silent; a peak above the second means that it was never scaled to [-1, 1]."""


def as_image(given: Any) -> Image:
    """Convert to an Image, as a viewer shows it: upright, as RGB, on white where it is transparent.

    Args:
        given: An Image, a path, the bytes of a file, an open file, a Pillow image, a dataset row or its `image` cell
            (decoded or not), or an array or tensor `[H, W]`, `[H, W, C]` or `[C, H, W]` of 1, 3 or 4 channels:
            integers in 0..255, uint16 in 0..65,535, or floats in 0..1.

    Raises:
        InputError: It is something else, unreadable, or too large.
    """
    return Image(pixels_of(given))


def as_mask(given: Any) -> Mask:
    """Convert to a mask, float32 `[H, W]` from 0 to 1, where 1, white, is what is to be redrawn.

    Args:
        given: What `as_image` takes, of which the brightness counts (transparent is white); or an array or tensor of
            bools, of floats in 0..1, or of integers that are 0 and 1 or go up to 255.

    Raises:
        InputError: It is something else, unreadable, or too large.
    """
    return mask_of(given)


def as_audio(given: Any, sample_rate: int, *, allow_silence: bool = False) -> Audio:
    """Convert to mono Audio at `sample_rate` Hz.

    Args:
        given: An Audio, a path, the bytes of a file, an open file, (samples, rate), a dataset row or its `audio` cell
            (decoded or not), or a decoder of torchcodec. Samples may be floats in [-1, 1] or integers, which are scaled
            by the range of their type; `[T]`, or with channels on the shorter axis.
        sample_rate: Rate of the result in Hz.
        allow_silence: Whether the audio may be silent.

    Raises:
        InputError: It is something else, unreadable, empty, silent, too long, or has samples that are not finite.
    """
    sound = sound_of(given)
    peak = float(np.abs(sound.samples).max())
    if peak < SILENCE and not allow_silence:
        raise InputError(f"Cannot use {sound.name}: it is silent throughout.")
    if peak > LOUDEST:
        raise InputError(
            f"Cannot use {sound.name}: it has samples up to {peak:g}; they must lie in [-1, 1], divide by the largest."
        )
    samples = resample(sound.samples, sound.rate, sample_rate)
    if isinstance(given, Audio):
        return Audio(samples, sample_rate, given.segments, given.notes)
    return Audio(samples, sample_rate)


def as_text(given: Any, name: str = "A text") -> str:
    """A string, or the `text` of a dataset row, as a string. Raises InputError.

    Args:
        given: The string or the row.
        name: What to call it in messages.
    """
    text = given.get("text") if isinstance(given, Mapping) else given
    if not isinstance(text, str):
        raise InputError(f"{name} must be a string, or a dataset row with a column 'text', not {type(given).__name__}.")
    return str(text)


def read_text(given: Any, kind: str, most: int) -> tuple[str, str]:
    """The text of a UTF-8 file, and the file's name for messages.

    Args:
        given: A path, also of a pipe, or an open binary file.
        kind: What the file should hold, for messages.
        most: The most bytes accepted.

    Raises:
        InputError: The file cannot be read, is empty or too long, or is not UTF-8.
    """
    with opened(given, kind) as (stream, name):
        data = stream.read(most + 1)
    if len(data) > most:
        raise InputError(f"{name} has more than {most:,} bytes; split it.")
    try:
        return data.decode("utf-8-sig"), name
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text (byte {error.start}); convert it first.") from error


def as_batch(given: Any) -> list[Any] | None:
    """The items, if several are given: a list, a tuple, or a column of a dataset. None for one item.

    A tuple of samples and a sample rate is one item.
    """
    if isinstance(given, list):
        return given
    if isinstance(given, tuple) and len(given) == 2 and any(is_number(one) for one in given):
        return None
    several = isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray | memoryview)
    return list(given) if several else None
