"""Critics of speech: spectrograms at several resolutions, and waveforms folded at several periods."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Critic, Fraction, Size
from mmzoo.nn.stft import STFT

BINS = 4
"""Neighboring bins of a spectrogram that enter the first layer as one, which costs a quarter of single ones."""
SLOPE = 0.1
LOUDER = 5.0
"""Factor by which waveforms enter, so that speech has about unit variance."""


class MultiResolution(Critic):
    """2-D convolutions over complex spectrograms (UnivNet, arXiv 2106.07889; complex as in EnCodec, arXiv 2210.13438).

    Args:
        windows: Windows of the spectrograms in samples.
        overlap: Hops in a window.
        cuts: Fractions of the bandwidth at which spectrograms are cut into bands, each with layers of its own
            (DAC, arXiv 2306.06546).
        channels: Channels of the layers; all but the first halve frames and bins.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        windows: Sequence[Size] = (512, 1024, 2048),
        overlap: Size = 2,
        cuts: Sequence[Fraction] = (),
        channels: Sequence[Size] = (16, 32, 64, 128, 128),
    ) -> None:
        super().__init__()
        self.edges = (0.0, *cuts, 1.0)
        self.stfts = nn.ModuleList(STFT(window, max(1, window // overlap)) for window in windows)
        self.stacks = nn.ModuleList(_spectral(channels) for _ in windows for _ in self.edges[1:])

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        """The maps `[B, channels, frames, bins]` of every band of every resolution."""
        bands: list[Tensor] = []
        for stft in self.stfts:
            assert isinstance(stft, STFT)
            usable = raw.shape[1] // stft.hop * stft.hop
            with torch.autocast(raw.device.type, enabled=False):
                x = torch.view_as_real(stft(raw[:, :usable]))
                # Compress magnitudes, so that quiet harmonics count as much as loud ones.
                x = x * (x.square().sum(-1, keepdim=True) + 1e-6) ** -0.3
            x = F.pad(x, (0, 0, 0, -x.shape[2] % BINS)).reshape(*x.shape[:2], -1, 2 * BINS)
            places = [round(edge * x.shape[2]) for edge in self.edges]
            bands += [x[:, :, start:end].permute(0, 3, 1, 2) for start, end in pairwise(places)]
        return [_maps(stack, band) for stack, band in zip(self.stacks, bands, strict=True)]


def _spectral(channels: Sequence[int]) -> nn.ModuleList:
    """Convolutions over frames and bins."""
    layers, width = nn.ModuleList(), 2 * BINS
    for wider in channels:
        layers.append(nn.Conv2d(width, wider, 3, stride=2 if layers else 1, padding=1))
        width = wider
    return _initialized(layers.append(nn.Conv2d(width, 1, 3, padding=1)))


class MultiPeriod(Critic):
    """Convolutions over waveforms folded at several periods (HiFi-GAN, Kong et al., arXiv 2010.05646, section 2.3).

    Args:
        periods: In samples; the samples one period apart are a sequence of their own.
        channels: Channels of the layers, each with a stride of 3.
    """

    modality = "speech"

    def __init__(
        self, *, periods: Sequence[Size] = (2, 3, 5, 7, 11), channels: Sequence[Size] = (8, 16, 32, 64)
    ) -> None:
        super().__init__()
        self.periods = tuple(periods)
        self.stacks = nn.ModuleList(_periodic(channels) for _ in periods)

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        """The maps `[B, period, channels, steps]` of every period."""
        results = []
        for period, stack in zip(self.periods, self.stacks, strict=True):
            folded = LOUDER * F.pad(raw, (0, -raw.shape[1] % period)).view(len(raw), -1, period).transpose(1, 2)
            maps = _maps(stack, folded.reshape(len(raw) * period, 1, -1))
            results.append([each.view(len(raw), period, *each.shape[1:]) for each in maps])
        return results


def _periodic(channels: Sequence[int]) -> nn.ModuleList:
    """Convolutions over every period-th sample."""
    layers, width = nn.ModuleList(), 1
    for wider in channels:
        layers.append(nn.Conv1d(width, wider, 5, stride=3, padding=2))
        width = wider
    return _initialized(layers.append(nn.Conv1d(width, 1, 3, padding=1)))


@torch.no_grad()
def _initialized(layers: nn.ModuleList) -> nn.ModuleList:
    """Weights that keep the variance (He et al., arXiv 1502.01852); with torch's, critics learn much more slowly."""
    for layer in layers:
        assert isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.bias is not None
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        nn.init.zeros_(layer.bias)
    return layers


def _maps(layers: nn.Module, x: Tensor) -> list[Tensor]:
    """The output of every layer; the last is the map of scores."""
    assert isinstance(layers, nn.ModuleList)
    maps, x = [], x.to(next(layers.parameters()).dtype)
    for layer in layers[:-1]:
        x = F.leaky_relu(layer(x), SLOPE)
        maps.append(x)
    return [*maps, layers[-1](x)]
