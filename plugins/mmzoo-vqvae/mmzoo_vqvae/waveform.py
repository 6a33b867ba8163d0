"""The parts of the source-filter autoencoder before and after its networks, in numpy.

`mmzoo_vqvae.source_filter` has the same in torch, for training. Everything is float32, in blocks that stay in the
cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]

MAX_LOG_MAGNITUDE = 6.0
NOISE_FRAMES = 256
LIMIT = 0.475
"""Highest frequency of a pulse train, relative to the sample rate."""
BLOCK = 64
"""Frames that are computed at a time."""


class SourceFilter:
    """Speech to log magnitudes; and pitch and filters to speech.

    Args:
        sample_rate: Hz.
        window: Window of the STFT in samples.
        hop: Hop of the STFT in samples.
    """

    def __init__(self, sample_rate: int, window: int, hop: int) -> None:
        self.sample_rate, self.window, self.hop = sample_rate, window, hop
        self.hann = hann(window)
        self.noise = noise_spectrum(window, hop)

    def features(self, samples: Array) -> Array:
        """Samples `[T]`, T a multiple of the hop, to log magnitudes `[K, bins]`."""
        pieces = self._frames(samples)
        blocks = [np.log(np.abs(_rfft(pieces[block] * self.hann)) + np.float32(1e-3)) for block in _blocks(len(pieces))]
        return np.concatenate(blocks)

    def synthesize(self, pitch: Array, filters: Array) -> Array:
        """Pitch in Hz `[K]` and filters `[K, 3, bins]` to samples `[K * hop]`.

        The filters are the log magnitude and the phase of the pulses, and the log magnitude of the noise.
        """
        count, window, hop = len(pitch), self.window, self.hop
        pieces = self._frames(pulse_train(pitch, hop, self.sample_rate))
        scaled = self.hann * np.float32(4 / window)
        rows = -(-window // hop)
        total = np.zeros((count + rows - 1, hop), np.float32)
        padding = rows * hop - window
        for block in _blocks(count):
            voiced, phase, unvoiced = filters[block, 0], filters[block, 1], filters[block, 2]
            spectrum = _rfft(pieces[block] * scaled)
            spectrum *= _polar(_magnitude(voiced), phase)
            noise = self.noise[np.arange(block.start, block.start + len(voiced)) % NOISE_FRAMES]
            spectrum += noise * _magnitude(unvoiced)
            frames = np.fft.irfft(spectrum, n=window).astype(np.float32, copy=False) * self.hann
            parts = (np.pad(frames, ((0, 0), (0, padding))) if padding else frames).reshape(len(frames), rows, hop)
            for row in range(rows):
                total[block.start + row : block.start + row + len(frames)] += parts[:, row]
        left = (window - hop) // 2
        return total.reshape(-1)[left : left + count * hop] / self._envelope(count)

    def _frames(self, samples: Array) -> Array:
        left = (self.window - self.hop) // 2
        padded = np.pad(samples, (left, self.window - self.hop - left))
        return np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop]

    def _envelope(self, count: int) -> Array:
        """The squared windows of `count` frames, summed, `[count * hop]`."""
        window, hop = self.window, self.hop
        square, rows, left = self.hann**2, -(-window // hop), (window - hop) // 2
        few = min(count, 2 * rows + 1)
        total = np.zeros((few - 1) * hop + window, np.float32)
        for frame in range(few):
            total[frame * hop : frame * hop + window] += square
        total = np.maximum(total[left : left + few * hop], np.float32(1e-8))
        edge = rows * hop  # all hops between the first and the last few are equal
        middle = np.tile(total[edge : edge + hop], count - few)
        return np.concatenate((total[:edge], middle, total[edge:]))


def pulse_train(pitch: Array, hop: int, sample_rate: int) -> Array:
    """Pitch in Hz per frame `[K]` to a band-limited pulse train `[K * hop]`; see `mmzoo_vqvae.harmonic.pulse_train`."""
    around = np.concatenate((pitch[:1], pitch, pitch[-1:])).astype(np.float32)
    steps = np.diff(around)
    place = (np.arange(hop, dtype=np.float32) + np.float32(0.5)) / np.float32(hop) - np.float32(0.5)
    slope = np.where(place < 0, steps[:-1, None], steps[1:, None])
    hertz = (around[1:-1, None] + slope * place).reshape(-1)
    cycles = (hertz.astype(np.float64) / sample_rate).cumsum()
    cycles -= np.rint(cycles)
    angle = (cycles * (2 * np.pi)).astype(np.float32)
    count = np.float32(LIMIT * sample_rate) / hertz
    whole = np.floor(count)
    half = np.sin(angle * np.float32(0.5))
    near = np.abs(half) < 1e-4
    half[near] = 1.0
    series: Array = np.sin((whole + np.float32(0.5)) * angle) / (2 * half) - np.float32(0.5)
    series[near] = whole[near]
    return np.asarray(series + (count - whole) * np.cos((whole + 1) * angle))


def hann(window: int) -> Array:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)


def noise_spectrum(window: int, hop: int) -> np.ndarray[Any, np.dtype[np.complex64]]:
    """The spectrum of fixed white noise with unit variance per bin, `[NOISE_FRAMES, bins]`; it repeats."""
    # RandomState draws the same numbers in every version of numpy.
    samples = np.random.RandomState(0).standard_normal(NOISE_FRAMES * hop).astype(np.float32)
    looped = np.resize(samples, len(samples) + window - hop)
    pieces = np.lib.stride_tricks.sliding_window_view(looped, window)[::hop]
    weights = hann(window)
    return _rfft(pieces * (weights / np.sqrt((weights**2).sum(dtype=np.float32))))


def _magnitude(log: Array) -> Array:
    return np.exp(np.minimum(log, np.float32(MAX_LOG_MAGNITUDE)))


def _polar(magnitude: Array, phase: Array) -> np.ndarray[Any, np.dtype[np.complex64]]:
    polar = np.empty(phase.shape, np.complex64)
    np.multiply(np.cos(phase), magnitude, out=polar.real)
    np.multiply(np.sin(phase), magnitude, out=polar.imag)
    return polar


def _rfft(pieces: Array) -> np.ndarray[Any, np.dtype[np.complex64]]:
    return np.fft.rfft(pieces).astype(np.complex64, copy=False)  # numpy 1 computes in double precision


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))
