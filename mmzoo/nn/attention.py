"""Self- and cross-attention on `[B, N, D]`: fused projections, SDPA, masks, optional RoPE and QK norm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.norm import QueryKeyNorm
from mmzoo.nn.rope import rotate


def key_mask(mask_BN: Tensor | None) -> Tensor | None:
    """A mask of real positions in the shape that SDPA takes, `[B, 1, 1, N]`; None (the faster path) stays None."""
    return None if mask_BN is None else mask_BN[:, None, None, :]


def attend(q_BHNE: Tensor, k_BHME: Tensor, v_BHME: Tensor, mask_B11M: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention with the heads concatenated, `[B, N, H * E]`.

    On a CPU, the fused kernel's backward pass is much slower than plain matrix products for short sequences and barely
    faster for long ones (benchmarks/attention_training.py), so training on a CPU does not use it.
    """
    if q_BHNE.device.type == "cpu" and torch.is_grad_enabled():
        scores = (q_BHNE * q_BHNE.shape[-1] ** -0.5) @ k_BHME.transpose(-1, -2)
        if mask_B11M is None:
            out_BHNE = scores.softmax(-1) @ v_BHME
        else:  # the second masked_fill gives zeros where everything is masked, as the fused kernel does
            probabilities = scores.masked_fill(~mask_B11M, torch.finfo(scores.dtype).min).softmax(-1)
            out_BHNE = probabilities.masked_fill(~mask_B11M, 0).to(v_BHME.dtype) @ v_BHME
    else:
        out_BHNE = F.scaled_dot_product_attention(q_BHNE, k_BHME, v_BHME, attn_mask=mask_B11M)
    joined: Tensor = out_BHNE.transpose(1, 2).flatten(2)
    return joined


def _attend(q_BNHE: Tensor, k_BMHE: Tensor, v_BMHE: Tensor, mask_B11M: Tensor | None) -> Tensor:
    return attend(q_BNHE.transpose(1, 2), k_BMHE.transpose(1, 2), v_BMHE.transpose(1, 2), mask_B11M)


def _head_dim(width: int, heads: int) -> int:
    if heads < 1 or width % heads:
        raise ValueError(f"width must be a multiple of heads, not {width} with {heads} heads.")
    return width // heads


class SelfAttention(nn.Module):
    """Multi-head self-attention; `qk_norm` applies RMS norm to each head's queries and keys."""

    def __init__(self, width: int, heads: int, *, qk_norm: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = _head_dim(width, heads)
        self.qkv = nn.Linear(width, 3 * width)
        self.norm = QueryKeyNorm(self.head_dim) if qk_norm else None
        self.out = nn.Linear(width, width)

    def forward(self, x_BND: Tensor, rotation: Tensor | None = None, mask_B11N: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to `[B, N, D]`.

        Args:
            rotation: From `mmzoo.nn.rope.rotations`; None for no position encoding.
            mask_B11N: From `key_mask`.
        """
        qkv = self.qkv(x_BND).view(*x_BND.shape[:2], 3, self.heads, self.head_dim)
        qk, v = qkv[:, :, :2], qkv[:, :, 2]
        if self.norm is not None:
            qk = self.norm(qk)
        if rotation is not None:
            qk = rotate(qk, rotation)
        qk = qk.to(v.dtype)  # under autocast the norm returns float32
        out: Tensor = self.out(_attend(qk[:, :, 0], qk[:, :, 1], v, mask_B11N))
        return out


class CrossAttention(nn.Module):
    """Attention from one sequence to another, whose keys and values can be computed once and reused."""

    def __init__(self, width: int, heads: int, *, qk_norm: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = _head_dim(width, heads)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.norm = QueryKeyNorm(self.head_dim) if qk_norm else None
        self.out = nn.Linear(width, width)

    def keys_values(self, context_BMD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `[B, M, heads, head_dim]` of the context `[B, M, D]`."""
        kv = self.key_value(context_BMD).view(*context_BMD.shape[:2], 2, self.heads, self.head_dim)
        k, v = kv.unbind(2)
        return (k if self.norm is None else self.norm.key(k).to(v.dtype)), v

    def forward(self, x_BND: Tensor, keys_values: tuple[Tensor, Tensor], mask_B11M: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to `[B, N, D]`; an item whose mask is all False gets only the output layer's bias."""
        k, v = keys_values
        q = self.query(x_BND).view(*x_BND.shape[:2], self.heads, self.head_dim)
        if self.norm is not None:
            q = self.norm.query(q).to(v.dtype)
        out: Tensor = self.out(_attend(q, k, v, mask_B11M))
        return out
