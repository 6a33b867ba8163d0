"""Rotary position embedding over any number of axes (Su et al., arXiv 2104.09864).

Each pair of adjacent channels is a complex number, rotated by position times frequency, so the dot product of a query
and a key depends only on the difference of their positions. Several axes divide the pairs equally.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotations(positions_BNA: Tensor, head_dim: int, theta: float = 10000.0) -> Tensor:
    """Unit complex numbers `[B, N, head_dim / 2]` for positions `[B, N, A]` along A axes.

    Raises ValueError unless head_dim is a multiple of 2 * A.
    """
    axes = positions_BNA.shape[-1]
    if head_dim % (2 * axes):
        raise ValueError(f"head_dim must be a multiple of {2 * axes} for {axes} position axes, not {head_dim}.")
    pairs = head_dim // (2 * axes)
    steps = torch.arange(pairs, dtype=torch.float32, device=positions_BNA.device)
    angles = (positions_BNA.float().unsqueeze(-1) * theta ** (-steps / pairs)).flatten(-2)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, rotation_BNP: Tensor) -> Tensor:
    """Rotate `[B, N, ..., head_dim]` by `rotations`; computed in float32, returned in x's dtype."""
    shape = (*rotation_BNP.shape[:2], *(1,) * (x.ndim - 3), rotation_BNP.shape[2])
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * rotation_BNP.view(shape)).flatten(-2).to(x.dtype)


def grid_positions(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Row and column of each cell in row-major order, float `[1, H * W, 2]`."""
    rows = torch.arange(height, dtype=torch.float32, device=device)
    columns = torch.arange(width, dtype=torch.float32, device=device)
    return torch.cartesian_prod(rows, columns).view(1, height * width, 2)
