"""Sounds: reads audio files and array-likes as mono float samples, and writes audio files."""

from __future__ import annotations

import io
import numbers
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mmzoo.errors import InputError
from mmzoo.media.sources import array_of, cell_of, is_file, is_number, opened, plain_number

Samples = np.ndarray[Any, np.dtype[np.float32]]

MAX_CHANNELS = 8
MAX_SECONDS = 600.0
RATES = (4_000, 192_000)
"""Sample rates in Hz that models and datasets accept."""
FORMATS = ("wav", "flac", "ogg", "mp3")
"""File formats that can be written, which are also their suffixes."""
READABLE = "WAV, FLAC, OGG, MP3, AIFF or another format of libsndfile"
_SUBTYPES = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
_BLOCK = 1 << 16


class Sound(NamedTuple):
    """Samples float32 `[T]`, their rate in Hz, and what to call them in messages."""

    samples: Samples
    rate: int
    name: str


def sound_of(given: Any, *, max_seconds: float = MAX_SECONDS) -> Sound:
    """Read whatever stands for a sound that models and datasets can use.

    Args:
        given: A file (see `sources.opened`), an object with `samples` and `sample_rate`, (samples, rate) or
            (rate, samples), a decoder or decoded samples of torchcodec, or a dataset row or its `audio` cell.
        max_seconds: Longest duration accepted; that of a file is checked before it is decoded.

    Raises:
        InputError: It is something else, unreadable, empty or too long, or has a rate out of range or samples that are
            not finite.
    """
    if isinstance(given, Mapping):
        given = cell_of(given, "audio")
    sound = read_sound(given, max_seconds=max_seconds) if is_file(given) else _decoded(given, max_seconds)
    if not RATES[0] <= sound.rate <= RATES[1]:
        raise InputError(
            f"Cannot use {sound.name}: its sample rate is {sound.rate} Hz; it must be from {RATES[0]:,} to"
            f" {RATES[1]:,} Hz."
        )
    return sound


def _decoded(given: Any, max_seconds: float) -> Sound:
    """A sound that is not a file."""
    if hasattr(given, "get_all_samples"):
        try:
            given = given.get_all_samples()
        except Exception as error:  # whatever the decoder raises for a broken file
            raise InputError(f"Cannot decode the audio: {(str(error).splitlines() or [''])[0]}.") from error
    if hasattr(given, "sample_rate") and (hasattr(given, "samples") or hasattr(given, "data")):
        samples = given.samples if hasattr(given, "samples") else given.data
        return _usable(mono(samples), rate_of(given.sample_rate), "the audio", max_seconds)
    if isinstance(given, tuple) and len(given) == 2:
        samples, rate = reversed(given) if is_number(given[0]) and not is_number(given[1]) else given
        return _usable(mono(samples), rate_of(rate), "the audio", max_seconds)
    raise InputError(
        f"Speech must be an Audio, a file, a dataset row or (samples, sample rate), not {type(given).__name__};"
        " an array alone has no sample rate."
    )


def read_sound(given: Any, *, max_seconds: float | None = None) -> Sound:
    """Read an audio file, averaging its channels.

    Args:
        given: A path, the bytes of a file or an open file.
        max_seconds: Longest duration accepted, in seconds; the header is checked before anything is decoded.

    Raises:
        InputError: The file cannot be read, is empty, is too long, has more than 8 channels, or has samples that
            are not finite.
    """
    import soundfile

    with opened(given, "audio") as (stream, name):
        try:
            with soundfile.SoundFile(stream) as file:
                rate, channels = int(file.samplerate), int(file.channels)
                if channels > MAX_CHANNELS:
                    raise InputError(f"Cannot use {name}: it has {channels} channels; the limit is {MAX_CHANNELS}.")
                _check_length(file.frames, rate, name, max_seconds)
                samples = _all_frames(file)
        except (OSError, RuntimeError, TypeError) as error:  # soundfile's own error is a RuntimeError
            reason = str(error).partition(": ")[2] or str(error)
            raise InputError(f"Cannot read {name} as audio: {reason.rstrip('.')}; it must be {READABLE}.") from error
    return _usable(_averaged(samples), rate, name, max_seconds)


def _usable(samples: Samples, rate: int, name: str, max_seconds: float | None) -> Sound:
    """The sound, unless it is empty, too long or not finite."""
    if len(samples) == 0:
        raise InputError(f"Cannot use {name}: it is empty, without a sample.")
    _check_length(len(samples), rate, name, max_seconds)
    if not np.isfinite(samples).all():
        raise InputError(f"Cannot use {name}: it has samples that are NaN or infinite.")
    return Sound(samples, rate, name)


def _check_length(count: int, rate: int, name: str, max_seconds: float | None) -> None:
    if max_seconds is not None and count > max_seconds * rate:
        raise InputError(f"Cannot use {name}: it lasts {count / rate:.0f} s; the limit is {max_seconds:g} s, split it.")


def _all_frames(file: Any) -> Samples:
    """All frames `[T, C]`, in blocks: the length in the header of some formats is only an estimate."""
    blocks = []
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        blocks.append(block)
    return np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)


def mono(given: Any) -> Samples:
    """Samples of any numeric dtype as float32 `[T]`.

    Integers are scaled by the range of their type: int16 32767 becomes 1, uint8 128 becomes 0. In two dimensions the
    shorter axis holds the channels (the first if both are equal), and they are averaged.

    Args:
        given: An array, tensor or list: `[T]`, `[C, T]` or `[T, C]`, also with leading axes of one.

    Raises:
        InputError: It has another shape or dtype.
    """
    if type(given) is np.ndarray and given.dtype == np.float32 and given.ndim == 1:
        return np.ascontiguousarray(given)
    array = array_of(given, "Samples")
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (1, 2) or (array.ndim == 2 and min(array.shape) > MAX_CHANNELS):
        raise InputError(
            f"Samples must be [T], or [channels, T] or [T, channels] with at most {MAX_CHANNELS} channels, not"
            f" {list(array.shape)}; average channels first."
        )
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        scaled = array.astype(np.float32)
    elif kind in "iu" and (size < 4 or (kind == "i" and size == 4)):
        half = 2.0 ** (8 * size - 1)
        scaled = ((array.astype(np.float64) - (half if kind == "u" else 0)) / half).astype(np.float32)
    else:
        raise InputError(
            f"Samples must be floats in [-1, 1] or integers of at most 32 bits, not {array.dtype}, whose full scale is"
            " unknown; convert them, for example to int16."
        )
    if scaled.ndim == 2:
        scaled = _averaged(scaled.T if scaled.shape[0] <= scaled.shape[1] else scaled)
    return np.ascontiguousarray(scaled)


def _averaged(samples_TC: Samples) -> Samples:
    averaged: Samples = samples_TC[:, 0] if samples_TC.shape[1] == 1 else samples_TC.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(averaged)


def rate_of(given: Any) -> int:
    """A sample rate in Hz as a positive int, from any kind of number. Raises InputError."""
    value = plain_number(given)
    whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and float(value).is_integer()
    if not whole or value <= 0:
        raise InputError(
            f"The sample rate must be a positive integer, from {RATES[0]:,} to {RATES[1]:,} Hz for models, not"
            f" {given!r}."
        )
    return int(value)


def sound_bytes(samples: Samples, rate: int, format: str) -> bytes:
    """The bytes of an audio file; WAV and FLAC have 16 bits.

    Args:
        samples: float32 `[T]`; clipped to [-1, 1].
        rate: Hz.
        format: One of FORMATS.

    Raises:
        InputError: A sample is not finite, or the format cannot hold this rate.
    """
    import soundfile

    if not np.isfinite(samples).all():
        raise InputError("The audio has samples that are NaN or infinite, which no file can hold.")
    samples, buffer = np.clip(samples, -1, 1), io.BytesIO()
    try:
        with soundfile.SoundFile(
            buffer, "w", samplerate=rate, channels=1, format=format.upper(), subtype=_SUBTYPES[format]
        ) as file:
            for start in range(0, len(samples), _BLOCK):  # libvorbis overflows the stack on long writes
                file.write(samples[start : start + _BLOCK])
    except soundfile.SoundFileError as error:
        raise InputError(f"Cannot write {rate} Hz as {format}: {error}; choose WAV or FLAC.") from error
    return buffer.getvalue()
