"""Nearest-neighbor lookup in codebooks, in chunks that never hold all distances at once."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK_ELEMENTS = 1 << 19
"""Distances per chunk: 2 MB in float32, which fits the cache of one core."""


@torch.no_grad()
def nearest(x_QND: Tensor, codebooks_QKD: Tensor) -> Tensor:
    """Index of the nearest code in Euclidean distance; ties go to the lowest index.

    Minimizing ||x - c||^2 over c is minimizing ||c||^2 / 2 - x.c, one fused matrix product. Both sides are first
    centered on the codebook's mean, which changes no distance but keeps float32 precise far from the origin.

    Args:
        x_QND: Vectors.
        codebooks_QKD: Code vectors.

    Returns:
        Int64 `[Q, N]`.
    """
    count, size = x_QND.shape[1], codebooks_QKD.shape[1]
    with torch.autocast(x_QND.device.type, enabled=False):
        codebooks = codebooks_QKD.float()
        center = codebooks.mean(dim=1, keepdim=True)
        codebooks = codebooks - center
        x = x_QND.float() - center
        half_norms = codebooks.square().sum(-1).mul_(0.5).unsqueeze(1)
        transposed = codebooks.transpose(1, 2).contiguous()
        if torch.compiler.is_exporting():  # a graph cannot have a loop over a number that it does not know
            return torch.baddbmm(half_norms, x, transposed, alpha=-1).argmin(-1)
        step = max(1, CHUNK_ELEMENTS // max(1, size * x.shape[0]))
        chunks = [
            torch.baddbmm(half_norms, x[:, start : start + step], transposed, alpha=-1).argmin(-1)
            for start in range(0, count, step)
        ]
    return torch.cat(chunks, dim=1) if chunks else x.new_zeros((x.shape[0], 0), dtype=torch.long)
