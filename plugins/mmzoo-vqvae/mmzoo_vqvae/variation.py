"""Variants of speech for training: other voices, microphones and levels than the recordings have."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from mmzoo.nn.mel import mel_filterbank

FACTORS = (0.8, 1.25)
"""Range of the factor by which pitch and formants rise together."""
LEVELS_DB = (-12.0, 6.0)
"""Range of the change in level."""
RESPONSE_DB, RESPONSE_BANDS = 4.0, 8
"""Standard deviation of the frequency response, and the mel bands in which it varies."""
NARROW, NARROW_HZ = 0.25, (3_400.0, 8_000.0)
"""Probability of a limited bandwidth, and its range."""
MARGIN = 480
"""Samples at each end of what is transformed that are dropped, because the transform joins the ends."""


class Variation:
    """One random variant of a crop. All of it is one Fourier transform and one inverse of another length.

    Args:
        crop: Samples of the result.
        sample_rate: Hz.
        generator: Source of all random choices.
    """

    def __init__(self, crop: int, sample_rate: int, generator: torch.Generator) -> None:
        def between(low: float, high: float) -> float:
            return low + (high - low) * float(torch.rand((), generator=generator))

        self.crop, self.length = crop, crop + 2 * MARGIN
        factor = math.exp(between(*map(math.log, FACTORS)))
        # Lengths with small prime factors are transformed fastest.
        self.source = max(64, round(self.length * factor / 64) * 64)
        self.gain = 10 ** (between(*LEVELS_DB) / 20)
        bins = self.length // 2 + 1
        decibels = RESPONSE_DB * torch.randn(RESPONSE_BANDS, generator=generator)
        self.response = 10 ** (_bands(bins, sample_rate) @ decibels / 20)
        if between(0, 1) < NARROW:
            cutoff, hertz = between(*NARROW_HZ), torch.linspace(0, sample_rate / 2, bins)
            self.response *= ((cutoff - hertz) / 100).sigmoid()

    def __call__(self, samples: Tensor) -> Tensor:
        """`source` samples of speech to `crop` samples of the variant, which stay within -1 and 1."""
        spectrum = torch.fft.rfft(samples)[: len(self.response)]
        spectrum = spectrum * self.response[: len(spectrum)]
        varied: Tensor = torch.fft.irfft(spectrum, n=self.length)[MARGIN : MARGIN + self.crop]
        varied = varied * (self.length / self.source)
        return varied * min(self.gain, 1 / max(float(varied.abs().max()), 1e-6))


@cache
def _bands(bins: int, sample_rate: int) -> Tensor:
    return mel_filterbank(bins, sample_rate, RESPONSE_BANDS)
