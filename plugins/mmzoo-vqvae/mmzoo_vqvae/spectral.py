"""Spectral reconstruction losses for speech."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.mel import LogMel

APART = 0.6
"""How far outputs with different noise should be from each other.

At 0, a smooth spectrum is nearer to noise than other noise is (0.49 against 0.69 nats in log magnitude), so a decoder
does not learn to be noisy; from 0.6 on it does. At 1, it also adds noise where it is merely unsure, which is heard.
"""


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

    def forward(self, output_BT: Tensor, target_BT: Tensor, other_BT: Tensor | None = None) -> dict[str, Tensor]:
        """The three parts, each the mean over windows.

        With a second output for the same target, drawn with other noise, APART times half the distance of the outputs
        from each other is subtracted. At 1 that is the energy distance of Gritsenko et al. (arXiv 2008.01160, eq. 3).
        """
        parts: dict[str, list[Tensor]] = {"mel": [], "magnitude": [], "convergence": []}
        for log_mel in self.mels:
            assert isinstance(log_mel, LogMel)
            usable = output_BT.shape[1] // log_mel.stft.hop * log_mel.stft.hop
            true, *mine = [
                _Views(log_mel.stft(x[:, :usable]).abs(), log_mel.filters)
                for x in (target_BT, output_BT, other_BT)
                if x is not None
            ]
            for name, values in parts.items():
                distances = [getattr(one, name)(true, true) for one in mine]
                values.append(torch.stack(distances).mean())
                if other_BT is not None:
                    values[-1] = values[-1] - APART / 2 * getattr(mine[0], name)(mine[1], true)
        return {name: torch.stack(values).mean() for name, values in parts.items()}


class _Views:
    """Magnitudes `[B, K, bins]` with the logs that are compared."""

    def __init__(self, magnitudes: Tensor, filters: Tensor) -> None:
        self.plain, self.log = magnitudes, _log(magnitudes, 1e-3)
        self.log_mel = _log(magnitudes @ filters)

    def mel(self, other: _Views, _: _Views) -> Tensor:
        return F.l1_loss(self.log_mel, other.log_mel)

    def magnitude(self, other: _Views, _: _Views) -> Tensor:
        return F.l1_loss(self.log, other.log)

    def convergence(self, other: _Views, true: _Views) -> Tensor:
        # Norms are over the batch, so that a silent crop does not make the ratio explode.
        ratio: Tensor = (self.plain - other.plain).norm() / true.plain.norm().clamp_min(1e-3)
        return ratio


def _log(x: Tensor, floor: float = 1e-5) -> Tensor:
    return x.clamp_min(floor).log()
