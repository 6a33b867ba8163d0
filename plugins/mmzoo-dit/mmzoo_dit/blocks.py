"""Transformer blocks of the backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.attention import CrossAttention, SelfAttention
from mmzoo.nn.norm import adaptive_layer_norm

Gelu = Literal["none", "tanh"]


class FeedForward(nn.Module):
    """Two linear layers with GELU between.

    Args:
        width: Channels in and out.
        hidden: Channels between the layers.
        gelu: `none` for the exact function, `tanh` for its approximation.
    """

    def __init__(self, width: int, hidden: int, gelu: Gelu = "none") -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.gelu = gelu

    def forward(self, x_BND: Tensor) -> Tensor:
        """`[B, N, D]` to `[B, N, D]`."""
        out: Tensor = self.down(F.gelu(self.up(x_BND), approximate=self.gelu))
        return out


class Block(nn.Module):
    """Attention and feed-forward, each normalized, modulated and gated by time and conditions (adaLN-zero)."""

    def __init__(self, width: int, heads: int, hidden: int, *, qk_norm: bool, gelu: Gelu) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, qk_norm=qk_norm)
        self.feed_forward = FeedForward(width, hidden, gelu)

    def memory(self, context_BMD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the attended sequence; only CrossBlock has them."""
        raise TypeError(f"{type(self).__name__} attends to no other sequence.")

    def forward(
        self,
        x_BND: Tensor,
        rows: Sequence[Tensor],
        rotation: Tensor,
        mask: Tensor | None,
        memory: tuple[Tensor, Tensor] | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """One block.

        Args:
            x_BND: The residual stream.
            rows: Shift, scale and gate of attention, then of the feed-forward, each `[R, 1, D]` with R 1 or B.
            rotation: Rotary angles of the positions.
            mask: Keys that may be attended to, `[B, 1, 1, N]`.
            memory: Keys and values of other sequences, for CrossBlock.
            memory_mask: Keys of the memory that may be attended to, `[B, 1, 1, M]`.
        """
        shift, factor, gate, *rest = rows
        y = self.attention(adaptive_layer_norm(x_BND, shift, factor), rotation, mask)
        x_BND = self.attend_to(torch.addcmul(x_BND, gate, y.to(x_BND.dtype)), memory, memory_mask)
        shift, factor, gate = rest
        y = self.feed_forward(adaptive_layer_norm(x_BND, shift, factor))
        return torch.addcmul(x_BND, gate, y.to(x_BND.dtype))

    def attend_to(self, x_BND: Tensor, memory: tuple[Tensor, Tensor] | None, mask: Tensor | None) -> Tensor:
        """A hook between attention and feed-forward for CrossBlock; does nothing here."""
        return x_BND


class CrossBlock(Block):
    """A block that also attends to other sequences, between its attention and its feed-forward."""

    def __init__(self, width: int, heads: int, hidden: int, *, qk_norm: bool, gelu: Gelu) -> None:
        super().__init__(width, heads, hidden, qk_norm=qk_norm, gelu=gelu)
        self.cross_norm = nn.LayerNorm(width, eps=1e-6)
        self.cross_attention = CrossAttention(width, heads, qk_norm=qk_norm)

    def memory(self, context_BMD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the attended sequence `[B, M, D]`."""
        return self.cross_attention.keys_values(context_BMD)

    def attend_to(self, x_BND: Tensor, memory: tuple[Tensor, Tensor] | None, mask: Tensor | None) -> Tensor:
        """Add cross-attention to the memory."""
        if memory is None:
            return x_BND
        y: Tensor = self.cross_attention(self.cross_norm(x_BND), memory, mask)
        return x_BND + y.to(x_BND.dtype)
