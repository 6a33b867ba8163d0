"""Log-mel spectrograms: one definition for encoders, losses and metrics."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mmzoo.nn.stft import STFT


def mel_filterbank(bins: int, sample_rate: int, bands: int, low: float = 0.0, high: float | None = None) -> Tensor:
    """Triangular filters of unit peak on the HTK mel scale, float `[bins, bands]`."""
    high = high or sample_rate / 2

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1 + hertz / 700.0)

    mels = torch.linspace(to_mel(low), to_mel(high), bands + 2, dtype=torch.float64)
    edges = 700.0 * (10 ** (mels / 2595.0) - 1)
    frequencies = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64).unsqueeze(1)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).float()


class LogMel(nn.Module):
    """Samples `[B, T]` to natural-log mel energies `[B, T / hop, bands]`, floored at `floor`; always in float32."""

    filters: Tensor

    def __init__(self, *, sample_rate: int, window: int, hop: int, bands: int, floor: float = 1e-5) -> None:
        super().__init__()
        self.stft = STFT(window, hop)
        self.sample_rate, self.bands, self.floor = sample_rate, bands, floor
        self.register_buffer("filters", mel_filterbank(window // 2 + 1, sample_rate, bands), persistent=False)

    def reset_parameters(self) -> None:
        """Recompute the filters (they are not stored in weights)."""
        filters = mel_filterbank(self.stft.window // 2 + 1, self.sample_rate, self.bands)
        self.filters = filters.to(self.filters.device)

    def forward(self, x_BT: Tensor) -> Tensor:
        """See the class."""
        spectrum = self.stft(x_BT)
        # `abs` of complex numbers takes three times as long on a CPU, but has a gradient where they are 0.
        sizes = spectrum.abs() if spectrum.requires_grad else torch.hypot(spectrum.real, spectrum.imag)
        return (sizes @ self.filters.float()).clamp_min(self.floor).log()


class BandNorm(nn.Module):
    """Each band of a spectrogram `[B, N, bands]` at mean 0 and deviation 1 over its frames; 0 where padding is.

    floor: the least deviation, in the units of the spectrogram, so that what hardly varies, such as silence, is not
    blown up.
    """

    def __init__(self, floor: float = 0.1) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, x_BNF: Tensor, mask_BN: Tensor | None = None) -> Tensor:
        """See the class; what stands outside the mask does not count."""
        kept = x_BNF.new_ones(x_BNF.shape[:2]) if mask_BN is None else mask_BN.to(x_BNF.dtype)
        kept = kept.unsqueeze(-1)
        count = kept.sum(1, keepdim=True).clamp_min(1)
        centred = (x_BNF - (x_BNF * kept).sum(1, keepdim=True) / count) * kept
        deviation = (centred.square().sum(1, keepdim=True) / count).sqrt()
        return centred / deviation.clamp_min(self.floor)
