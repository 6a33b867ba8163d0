"""What checks do with tensors: compare them, draw them under a seed, and turn them into a loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

TOLERANCE = 1e-4
"""Allowed difference between two ways of computing the same values, relative to the largest absolute value."""
SMALLEST = 1e-3
"""Lower bound on the largest absolute value used in comparisons; differences below this scale are rounding."""


def max_abs(tensor: Tensor) -> float:
    """The largest absolute value, but at least SMALLEST."""
    return max(SMALLEST, float(tensor.abs().max())) if tensor.numel() else SMALLEST


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether the shapes are equal and no difference exceeds `tolerance * max_abs(b)`; integers must be equal."""
    if a.shape != b.shape:
        return False
    if not b.is_floating_point():
        return torch.equal(a, b)
    return a.numel() == 0 or bool((a - b).abs().max() <= tolerance * max_abs(b))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator for the duration of the context, then restore its state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values drawn under a seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def padding_of(x: Tensor, mask: Tensor) -> Tensor:
    """The padding of `x` `[B, N, ...]` by its mask `[B, N]`, with as many dimensions as `x`."""
    return ~mask.view(*mask.shape, *[1] * (x.dim() - mask.dim()))


def probe_loss(*tensors: Tensor) -> Tensor:
    """A scalar for gradient checks that depends on every value, even where all are 0."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros(())
    for tensor in tensors:
        if tensor.is_floating_point():
            weights = torch.randn(tensor.shape, generator=generator)
            total = total + (tensor.float() * weights).mean() + tensor.float().square().mean()
    return total
