"""Log-mel spectrograms for encoders, losses and metrics."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mmzoo.nn.precise import Float32Buffers
from mmzoo.nn.stft import STFT


def mel_filterbank(bins: int, sample_rate: int, bands: int, low: float = 0.0, high: float | None = None) -> Tensor:
    """Triangular filters with unit peaks on the HTK mel scale, float `[bins, bands]`."""
    high = high or sample_rate / 2

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1 + hertz / 700.0)

    mels = torch.linspace(to_mel(low), to_mel(high), bands + 2, dtype=torch.float64)
    edges = 700.0 * (10 ** (mels / 2595.0) - 1)
    frequencies = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64).unsqueeze(1)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).float()


class LogMel(Float32Buffers):
    """Samples `[B, T]` to the natural log of mel magnitudes, clamped at `floor`: float32 `[B, T / hop, bands]`."""

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
        # `abs` of complex numbers takes three times as long on a CPU, but its gradient is defined at 0.
        magnitudes = spectrum.abs() if spectrum.requires_grad else torch.hypot(spectrum.real, spectrum.imag)
        return (magnitudes @ self.filters).clamp_min(self.floor).log()


class BandNorm(nn.Module):
    """Normalizes each band of a spectrogram `[B, N, bands]` to mean 0 and std 1 over its frames; padding becomes 0.

    Args:
        floor: Smallest std to divide by, in units of the spectrogram, so that near-silence is not amplified.
    """

    def __init__(self, floor: float = 0.1) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, x_BNF: Tensor, mask_BN: Tensor | None = None, counted_BN: Tensor | None = None) -> Tensor:
        """See the class; frames outside the mask are ignored. The statistics are those of `counted_BN`, if given."""
        kept = x_BNF.new_ones(x_BNF.shape[:2]) if mask_BN is None else mask_BN.to(x_BNF.dtype)
        kept = kept.unsqueeze(-1)
        counted = kept if counted_BN is None else kept * counted_BN.unsqueeze(-1)
        count = counted.sum(1, keepdim=True).clamp_min(1)
        centered = (x_BNF - (x_BNF * counted).sum(1, keepdim=True) / count) * kept
        std = ((centered.square() * counted).sum(1, keepdim=True) / count).sqrt()
        return centered / std.clamp_min(self.floor)
