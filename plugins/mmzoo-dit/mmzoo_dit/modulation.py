"""Modulation of every block by time and condition vectors, for all sampling steps at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import InputError

FREQUENCIES = 256
TIME_SCALE = 1000.0
STEP_SCALE = 10.0
"""Of step sizes: predictions change smoothly with them."""
ROWS_PER_BLOCK = 6
ROWS_FINAL = 2


def timestep_embedding(
    t: Tensor, channels: int = FREQUENCIES, max_period: float = 10000.0, scale: float = TIME_SCALE
) -> Tensor:
    """Cosines then sines of `scale * t` at geometric frequencies, float32 `[..., channels]`; t in [0, 1]."""
    half = channels // 2
    steps = torch.arange(half, dtype=torch.float32, device=t.device)
    angles = scale * t.float().unsqueeze(-1) * torch.exp(-math.log(max_period) / half * steps)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class TimeEmbedding(nn.Module):
    """Sinusoids through two linear layers.

    Args:
        width: Channels of the transformer.
        scale: Largest frequency, in radians per unit of time.
        step_size: Add a linear layer of the sinusoids of the step size, which starts at zero.
    """

    def __init__(self, width: int, *, scale: float = TIME_SCALE, step_size: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.inner = nn.Linear(FREQUENCIES, width)
        self.outer = nn.Linear(width, width)
        self.step = nn.Linear(FREQUENCIES, width) if step_size else None

    def start(self) -> None:
        """Small weights for the time, and none for the step size."""
        nn.init.normal_(self.inner.weight, std=0.02)
        nn.init.normal_(self.outer.weight, std=0.02)
        if self.step is not None:
            nn.init.zeros_(self.step.weight)

    def forward(self, t: Tensor) -> Tensor:
        """Times `[S, R]`, or times and step sizes `[S, R, 2]`, to `[S, R, D]`; without step sizes they are 0."""
        if t.dim() == 3 and self.step is None:
            raise InputError("The backbone got step sizes, which it does not know; build it with step_size=True.")
        t, size = t.unbind(-1) if t.dim() == 3 else (t, torch.zeros_like(t))
        dtype = self.inner.weight.dtype
        out: Tensor = self.outer(F.silu(self.inner(timestep_embedding(t, scale=self.scale).to(dtype))))
        return out if self.step is None else out + self.step(timestep_embedding(size, scale=STEP_SCALE).to(dtype))


class Modulation(nn.Module):
    """adaLN: shift, scale and gate for attention and feed-forward of each block, shift and scale for the output.

    One matrix product gives the rows of all blocks.

    Args:
        width: Channels of the transformer.
        depth: Number of blocks.
        shared: All blocks share one product of six rows and differ by a learned bias (PixArt-alpha, arXiv 2310.00426),
            which saves a quarter of the parameters at depth 6.
    """

    def __init__(self, width: int, depth: int, *, shared: bool) -> None:
        super().__init__()
        self.width = width
        blocks = 1 if shared else depth
        self.project = nn.Linear(width, (ROWS_PER_BLOCK * blocks + ROWS_FINAL) * width)
        self.block_bias = nn.Parameter(torch.empty(depth, ROWS_PER_BLOCK, width)) if shared else None
        self.zero()

    def reset_parameters(self) -> None:
        """The same as `zero`; the owner calls `zero` again after the linear layer has been reset."""
        self.zero()

    def zero(self) -> None:
        """adaLN-zero: every block starts as the identity."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, embedding_SRD: Tensor) -> Tensor:
        """Embeddings of S steps and R items to rows `[S, 6 * depth + 2, R, 1, D]`, with 1 added to the scales."""
        rows: Tensor = self.project(F.silu(embedding_SRD))
        rows = rows.view(*rows.shape[:2], -1, self.width)
        if self.block_bias is not None:
            blocks = rows[:, :, None, :ROWS_PER_BLOCK] + self.block_bias
            rows = torch.cat((blocks.flatten(2, 3), rows[:, :, ROWS_PER_BLOCK:]), dim=2)
        rows[:, :, 1::3] += 1  # the order is shift, scale, gate, so every third row from 1 on is a scale
        return rows.transpose(1, 2).unsqueeze(3)


@dataclass(frozen=True, slots=True)
class Table:
    """Values computed once for all steps of a sampling run. R is B, or 1 if all items share time and vectors.

    Args:
        rows: Modulation, `[S, 6 * depth + 2, R, 1, D]`.
        aligned: Added at the input, `[B, N, D]`.
        memory: For each block, keys and values of the attended sequences.
        memory_mask: Those that may be attended to, `[B, 1, 1, M]`.
    """

    rows: Tensor
    aligned: Tensor | None = None
    memory: tuple[tuple[Tensor, Tensor], ...] = ()
    memory_mask: Tensor | None = None
