"""Spans of time and frequency hidden in training (SpecAugment, Park et al., arXiv 1904.08779)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SPANS = 2
"""In time, and as many in frequency."""
BANDS, TIME = 27 / 80, 0.2
"""The longest, as shares of all bands and of an utterance's frames: the paper's policy `SS`, without warping."""


class SpecAugment:
    """A hook before the first convolution of `speech-transformer`: hides spans of the log-mel in training.

    What is hidden becomes 0, each band's mean over the utterance.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        """inputs: standardised log-mel `[B, 1, frames, bands]`, 0 after an utterance's end."""
        return (hidden(inputs[0], self.generator),) if module.training else None


def hidden(x_B1NF: Tensor, generator: torch.Generator) -> Tensor:
    """Log-mel with SPANS spans in time and as many in frequency at 0, drawn for each utterance."""
    frames, bands = x_B1NF.shape[2:]
    lengths = x_B1NF.ne(0).any(3).squeeze(1).sum(1).cpu()
    time = spans(lengths, TIME, frames, generator).to(x_B1NF.device)
    frequency = spans(torch.full_like(lengths, bands), BANDS, bands, generator).to(x_B1NF.device)
    return x_B1NF.masked_fill(time[:, None, :, None] | frequency[:, None, None, :], 0.0)


def spans(lengths: Tensor, share: float, total: int, generator: torch.Generator) -> Tensor:
    """bool `[B, total]`, true in spans of 0 to `share` of each length `[B]`, all of them inside it."""
    places, found = torch.arange(total), torch.zeros(len(lengths), total, dtype=torch.bool)
    for _ in range(SPANS):
        width = (torch.rand(len(lengths), generator=generator) * ((lengths * share).floor() + 1)).floor()
        start = (torch.rand(len(lengths), generator=generator) * (lengths - width + 1)).floor()
        found |= (places >= start.unsqueeze(1)) & (places < (start + width).unsqueeze(1))
    return found
