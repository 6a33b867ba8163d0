"""Nearest-neighbour search in codebooks, without ever holding all distances at once."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_ELEMENTS = 1 << 19
"""Distances held at a time: 2 MB in fp32, so a block stays in the cache of one core."""


@torch.no_grad()
def nearest(x_QND: Tensor, codebooks_QKD: Tensor) -> Tensor:
    """Index of the nearest code in Euclidean distance, int64 `[Q, N]`; ties go to the lowest index.

    x: `[Q, N, D]`, codebooks: `[Q, K, D]`. The order of ||x - c||^2 over c is that of ||c||^2 / 2 - x.c,
    one fused matrix product. Both sides are first centred on the codebook's mean, which changes no
    distance but keeps fp32 exact when the data sit far from the origin.
    """
    count, size = x_QND.shape[1], codebooks_QKD.shape[1]
    with torch.autocast(x_QND.device.type, enabled=False):
        codebooks = codebooks_QKD.float()
        centre = codebooks.mean(dim=1, keepdim=True)
        codebooks = codebooks - centre
        x = x_QND.float() - centre
        half_norms = codebooks.square().sum(-1).mul_(0.5).unsqueeze(1)
        transposed = codebooks.transpose(1, 2).contiguous()
        step = max(1, CHUNK_ELEMENTS // max(1, size * x.shape[0]))
        found = [
            torch.baddbmm(half_norms, x[:, start : start + step], transposed, alpha=-1).argmin(-1)
            for start in range(0, count, step)
        ]
    return torch.cat(found, dim=1) if found else x.new_zeros((x.shape[0], 0), dtype=torch.long)
