"""Norms of transformers: adaptive LayerNorm, RMS norm and QK norm."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def adaptive_layer_norm(x_BND: Tensor, shift_R1D: Tensor, factor_R1D: Tensor, eps: float = 1e-6) -> Tensor:
    """LayerNorm without parameters, then `factor * x + shift` (adaLN, Peebles and Xie, arXiv 2212.09748).

    The factor is 1 + scale. R is B, or 1 if the batch shares one modulation, which then takes a single fused pass.
    """
    shape = x_BND.shape[-1:]
    if factor_R1D.shape[0] == 1:
        return F.layer_norm(x_BND, shape, factor_R1D.reshape(-1), shift_R1D.reshape(-1), eps)
    return torch.addcmul(shift_R1D, F.layer_norm(x_BND, shape, None, None, eps), factor_R1D)


class RMSNorm(nn.RMSNorm):
    """RMS norm (Zhang and Sennrich, arXiv 1910.07467) in the precision of its input, so that autocast can fuse it."""

    def forward(self, x: Tensor) -> Tensor:
        """The normalized input `[..., D]`."""
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


class QueryKeyNorm(nn.Module):
    """RMS norm of each head's queries and keys, which bounds the logits (Dehghani et al., arXiv 2302.05442)."""

    def __init__(self, head_dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(2, 1, head_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Unit weights."""
        nn.init.ones_(self.weight)

    def forward(self, qk_BN2HE: Tensor) -> Tensor:
        """Stacked queries and keys `[B, N, 2, heads, head_dim]`, in one pass."""
        return F.rms_norm(qk_BN2HE, qk_BN2HE.shape[-1:], None, self.eps) * self.weight

    def query(self, q_BNHE: Tensor) -> Tensor:
        """Queries only, `[B, N, heads, head_dim]`."""
        return F.rms_norm(q_BNHE, q_BNHE.shape[-1:], None, self.eps) * self.weight[0]

    def key(self, k_BNHE: Tensor) -> Tensor:
        """Keys only, `[B, N, heads, head_dim]`."""
        return F.rms_norm(k_BNHE, k_BNHE.shape[-1:], None, self.eps) * self.weight[1]
