"""Masks spans of time and frequency in training (SpecAugment, Park et al., arXiv 1904.08779)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SPANS = 2
"""Number of spans in time, and in frequency."""
BANDS, TIME = 27 / 80, 0.2
"""Longest spans as fractions of all bands and of an utterance's frames: the paper's policy `SS`, without warping."""


class SpecAugment:
    """A hook before the first convolution of `speech-transformer` that masks spans of the log-mel in training.

    Masked values become 0, which is each band's mean over the utterance.

    Args:
        seed: Seed of the spans.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        """Replace the input of the convolution: standardized log-mel `[B, 1, frames, bands]`, 0 in padding."""
        return (masked(inputs[0], self.generator),) if module.training else None


def masked(x_B1NF: Tensor, generator: torch.Generator) -> Tensor:
    """Log-mel with SPANS spans of time and as many of frequency set to 0, drawn for each utterance."""
    frames, bands = x_B1NF.shape[2:]
    lengths = x_B1NF.ne(0).any(3).squeeze(1).sum(1).cpu()
    time = spans(lengths, TIME, frames, generator).to(x_B1NF.device)
    frequency = spans(torch.full_like(lengths, bands), BANDS, bands, generator).to(x_B1NF.device)
    return x_B1NF.masked_fill(time[:, None, :, None] | frequency[:, None, None, :], 0.0)


def spans(lengths: Tensor, fraction: float, total: int, generator: torch.Generator) -> Tensor:
    """Random spans inside sequences.

    Args:
        lengths: Length of each sequence, `[B]`.
        fraction: A span covers at most this fraction of its sequence.
        total: Length of the padded sequences.
        generator: Draws widths and starts.

    Returns:
        bool `[B, total]`, True inside a span.
    """
    places, covered = torch.arange(total), torch.zeros(len(lengths), total, dtype=torch.bool)
    for _ in range(SPANS):
        width = (torch.rand(len(lengths), generator=generator) * ((lengths * fraction).floor() + 1)).floor()
        start = (torch.rand(len(lengths), generator=generator) * (lengths - width + 1)).floor()
        covered |= (places >= start.unsqueeze(1)) & (places < (start + width).unsqueeze(1))
    return covered
