"""Predicts the duration of each phone."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.convnext import ConvNeXtStack

SHORTEST_S = 0.01
LONGEST_S = 1.0
"""Durations are clamped to this range, in seconds."""


class DurationPredictor(nn.Module):
    """Phone vectors `[B, P, width]` to log seconds `[B, P]` (FastSpeech's predictor, arXiv 1905.09263, on ConvNeXt)."""

    def __init__(self, width: int, depth: int = 2) -> None:
        super().__init__()
        self.blocks = ConvNeXtStack(width, depth, expansion=2.0, kernel_size=5)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, 1)

    def forward(self, phones_BPD: Tensor, mask_BP: Tensor) -> Tensor:
        """Log durations; no gradient reaches the phone vectors, which must not be shaped by the duration loss."""
        x = self.norm(self.blocks(phones_BPD.detach(), mask_BP))
        # exp(-2.6) is 75 ms, the median phone; the layer learns deviations from it.
        log_seconds: Tensor = self.out(x).squeeze(-1).float() - 2.6
        return log_seconds

    def loss(self, log_seconds_BP: Tensor, ends_BP: Tensor, mask_BP: Tensor) -> Tensor:
        """Mean Huber loss of log durations over real phones.

        Args:
            log_seconds_BP: Predicted log durations.
            ends_BP: True end of each phone, in seconds from the start.
            mask_BP: True for real phones.
        """
        lengths = torch.diff(ends_BP, dim=1, prepend=torch.zeros_like(ends_BP[:, :1]))
        target = lengths.clamp(SHORTEST_S, LONGEST_S).log()
        loss = F.huber_loss(log_seconds_BP, target, reduction="none", delta=0.5)
        return (loss * mask_BP).sum() / mask_BP.sum().clamp_min(1)

    @staticmethod
    def seconds(log_seconds_BP: Tensor) -> Tensor:
        """Predicted durations in seconds, clamped to the range of training."""
        return log_seconds_BP.clamp(math.log(SHORTEST_S), math.log(LONGEST_S)).exp()
