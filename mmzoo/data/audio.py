"""Decodes, encodes and resamples the audio of dataset rows."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.errors import DataError, InputError
from mmzoo.interfaces.values import Audio
from mmzoo.media.outputs import format_of
from mmzoo.media.sounds import FORMATS, MAX_SECONDS, sound_bytes, sound_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CROSSINGS = 32
_ROLLOFF = 0.945
_KAISER_BETA = 14.0


def decode_audio(cell: Any, sample_rate: int | None = None, *, max_seconds: float = MAX_SECONDS) -> Audio:
    """Decode a row's `audio` cell to mono. The header of a file is checked before anything is decoded.

    Args:
        cell: Whatever stands for a sound, see `mmzoo.media.sounds.sound_of`.
        sample_rate: Rate in Hz to resample to; None keeps the cell's own.
        max_seconds: Longest duration accepted.

    Raises:
        DataError: The cell is empty, or the file is unreadable, too long, has more than 8 channels, a rate outside
            4-192 kHz, or samples that are not finite.
    """
    if cell is None:
        raise DataError("This row has no audio; its cell is empty.")
    try:
        samples, rate, _ = sound_of(cell, max_seconds=max_seconds)
    except InputError as error:
        raise DataError(str(error)) from error
    return Audio(samples if sample_rate is None else resample(samples, rate, sample_rate), sample_rate or rate)


def encode_audio(audio: Audio, format: str = "WAV") -> bytes:
    """Encode audio as the bytes of a WAV, FLAC, OGG or MP3 file; the first two have 16 bits."""
    return sound_bytes(audio.samples, audio.sample_rate, format_of(format, FORMATS))


def resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Resample `[T]` at `rate` Hz to `[ceil(T * new_rate / rate)]` at `new_rate` Hz.

    A polyphase Kaiser-windowed sinc filter with 32 zero crossings per side and a cutoff at 94.5% of the lower
    Nyquist frequency. Raises DataError if a rate is not positive.
    """
    if rate <= 0 or new_rate <= 0:
        raise DataError(f"Cannot resample from {rate} Hz to {new_rate} Hz; rates must be positive.")
    if rate == new_rate or len(samples) == 0:
        return samples.astype(np.float32, copy=False)
    common = math.gcd(rate, new_rate)
    up, down = new_rate // common, rate // common
    taps = _filter(up, down)
    half = taps.shape[1] // 2
    length = -(-len(samples) * up // down)
    padded = np.pad(samples.astype(np.float32, copy=False), (half, half + down + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1])
    out = np.empty(length, np.float32)
    for phase in range(min(up, length)):
        # Output phase + j * up is centered on input phase * down // up + j * down.
        start = phase * down // up
        count = len(range(phase, length, up))
        out[phase::up] = windows[start : start + count * down : down][:count] @ taps[phase]
    return out


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> NDArray[np.float32]:
    """Taps `[up, K]`: row p interpolates at offset (p * down / up) mod 1 between input samples."""
    cutoff = _ROLLOFF * min(1.0, up / down)
    half = math.ceil(_CROSSINGS / cutoff)
    offsets = (np.arange(up) * down % up) / up
    distance = np.arange(-half, half + 1)[None, :] - offsets[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / (half + 1)) ** 2, 0, None))) / np.i0(_KAISER_BETA)
    taps = cutoff * np.sinc(cutoff * distance) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)
