"""Spectral reconstruction losses for speech."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.mel import LogMel


class SpectralLoss(nn.Module):
    """Multi-resolution spectral distance between `[B, T]` signals.

    For each window: L1 of log-mels, L1 of log-magnitudes, and spectral convergence (Arik et al., arXiv 1808.06719;
    Yamamoto et al., arXiv 1910.11480).

    Args:
        sample_rate: Hz.
        windows: STFT windows in samples; the hop is a quarter of the window.
    """

    def __init__(self, sample_rate: int, windows: Sequence[int] = (256, 512, 1024, 2048)) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            LogMel(sample_rate=sample_rate, window=window, hop=window // 4, bands=min(80, window // 8))
            for window in windows
        )

    def forward(self, output_BT: Tensor, target_BT: Tensor) -> dict[str, Tensor]:
        """The three parts, each the mean over windows."""
        mel, magnitude, convergence = [], [], []
        for log_mel in self.mels:
            assert isinstance(log_mel, LogMel)
            usable = output_BT.shape[1] // log_mel.stft.hop * log_mel.stft.hop
            mine = log_mel.stft(output_BT[:, :usable]).abs()
            true = log_mel.stft(target_BT[:, :usable]).abs()
            mel.append(F.l1_loss(_log(mine @ log_mel.filters), _log(true @ log_mel.filters)))
            magnitude.append(F.l1_loss(_log(mine, 1e-3), _log(true, 1e-3)))
            # Norms are over the batch, so that a silent crop does not make the ratio explode.
            convergence.append((mine - true).norm() / true.norm().clamp_min(1e-3))
        return {
            "mel": torch.stack(mel).mean(),
            "magnitude": torch.stack(magnitude).mean(),
            "convergence": torch.stack(convergence).mean(),
        }


def _log(x: Tensor, floor: float = 1e-5) -> Tensor:
    return x.clamp_min(floor).log()
