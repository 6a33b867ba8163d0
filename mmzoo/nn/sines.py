"""Sinusoidal position encodings (Vaswani et al., arXiv 1706.03762, section 3.5)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def sines(count: int, width: int, *, longest: float = 10000.0, device: torch.device | None = None) -> Tensor:
    """Encodings of positions 0 to count - 1, float32 `[count, width]`; wavelengths from 2 pi to 2 pi * longest."""
    half = width // 2
    frequencies = torch.exp(-math.log(longest) * torch.arange(half, device=device) / max(1, half))
    angles = torch.arange(count, dtype=torch.float32, device=device).unsqueeze(1) * frequencies
    return F.pad(torch.cat((angles.sin(), angles.cos()), dim=1), (0, width - 2 * half))


def grid_sines(
    height: int, width: int, channels: int, *, longest: float = 100.0, device: torch.device | None = None
) -> Tensor:
    """Encodings of grid cells in row-major order, float32 `[height * width, channels]`: half row, half column."""
    down = sines(height, channels // 2, longest=longest, device=device)
    across = sines(width, channels - channels // 2, longest=longest, device=device)
    cells = torch.cat((down[:, None].expand(-1, width, -1), across[None].expand(height, -1, -1)), dim=-1)
    return cells.flatten(0, 1)
