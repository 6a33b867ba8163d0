"""Decodes, encodes (with soundfile) and resamples the audio of dataset rows."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.errors import DataError
from mmzoo.interfaces.values import Audio

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SECONDS = 600.0
MAX_CHANNELS = 8
RATES = (4_000, 192_000)
_CROSSINGS = 32
_ROLLOFF = 0.945
_KAISER_BETA = 14.0


def decode_audio(
    cell: Mapping[str, Any] | None, sample_rate: int | None = None, *, max_seconds: float = MAX_SECONDS
) -> Audio:
    """Decode a row's `audio` cell to mono. The header is checked before anything is decoded.

    Args:
        cell: `{"bytes", "path"}` of a WAV, FLAC or OGG file; its channels are averaged.
        sample_rate: Rate in Hz to resample to; None keeps the file's own.
        max_seconds: Longest duration accepted.

    Raises:
        DataError: The cell is empty, or the file is unreadable, too long, has more than 8 channels, a rate outside
            4-192 kHz, or samples that are not finite.
    """
    import soundfile

    content, name = _source(cell)
    try:
        with soundfile.SoundFile(content) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            if not RATES[0] <= rate <= RATES[1]:
                raise DataError(
                    f"Cannot use {name}: its sample rate is {rate} Hz; it must be between {RATES[0]} and {RATES[1]} Hz."
                )
            if channels > MAX_CHANNELS:
                raise DataError(f"Cannot use {name}: it has {channels} channels; the limit is {MAX_CHANNELS}.")
            if file.frames > max_seconds * rate:
                raise DataError(
                    f"Cannot use {name}: it lasts {file.frames / rate:.0f} s; the limit is {max_seconds:g} s, split it."
                )
            samples = file.read(dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile's own error is a RuntimeError
        raise DataError(f"Cannot read {name} as audio: {error}; it must be a WAV, FLAC or OGG file.") from error
    if not np.isfinite(samples).all():
        raise DataError(f"Cannot use {name}: it has samples that are NaN or infinite.")
    mono = samples[:, 0] if channels == 1 else samples.mean(axis=1, dtype=np.float32)
    if sample_rate is not None and sample_rate != rate:
        return Audio(resample(mono, rate, sample_rate), sample_rate)
    return Audio(mono, rate)


def _source(cell: Mapping[str, Any] | None) -> tuple[Any, str]:
    if isinstance(cell, Mapping) and cell.get("bytes"):
        return io.BytesIO(cell["bytes"]), f"the audio {cell['path']}" if cell.get("path") else "an audio cell"
    if isinstance(cell, Mapping) and cell.get("path"):
        if not Path(cell["path"]).is_file():
            raise DataError(f"There is no audio file at {cell['path']}.")
        return str(cell["path"]), str(cell["path"])
    raise DataError("A row has no audio: its cell must be a mapping with 'bytes' or 'path'.")


def encode_audio(audio: Audio, format: str = "WAV") -> bytes:
    """Encode audio as the bytes of a 16-bit WAV or FLAC file."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio.samples, -1, 1), audio.sample_rate, subtype="PCM_16", format=format)
    return buffer.getvalue()


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
