"""The pre-norm transformer block."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.attention import SelfAttention, key_mask


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and a GELU MLP, each with a skip connection."""

    def __init__(self, width: int, heads: int, *, expansion: float = 4.0) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=1e-6)
        self.attention = SelfAttention(width, heads)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, round(expansion * width))
        self.down = nn.Linear(round(expansion * width), width)

    def forward(self, x_BND: Tensor, mask_BN: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to `[B, N, D]`; positions outside the mask are not attended to."""
        x_BND = x_BND + self.attention(self.attention_norm(x_BND), None, key_mask(mask_BN))
        out: Tensor = x_BND + self.down(F.gelu(self.up(self.norm(x_BND))))
        return out
