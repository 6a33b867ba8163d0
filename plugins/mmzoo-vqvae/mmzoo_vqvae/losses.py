"""Losses and usage statistics of quantizers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask_BN: Tensor | None) -> Tensor:
    """Mean of `[B, N, ...]` over positions inside the mask, and over all trailing dimensions."""
    if values.numel() == 0:
        return values.sum()
    if mask_BN is None:
        return values.mean()
    mask = mask_BN.to(values.dtype).reshape(*mask_BN.shape, *([1] * (values.dim() - 2)))
    trailing = values[0, 0].numel()
    return (values * mask).sum() / (mask.sum() * trailing).clamp_min(1)


def commitment_loss(x_BND: Tensor, q_BND: Tensor, mask_BN: Tensor | None = None) -> Tensor:
    """Commitment loss, the mean of (x - sg(q))^2 over positions inside the mask (arXiv 1711.00937, eq. 3)."""
    return masked_mean((x_BND.float() - q_BND.detach().float()).square(), mask_BN)


def code_perplexity(codes_BNQ: Tensor) -> Tensor:
    """`perplexity` of codes, `[Q]`, at a cost that does not depend on the size of the codebooks; -1 is not counted."""
    results = []
    for codes in codes_BNQ.flatten(0, 1).unbind(-1):
        counts = torch.unique(codes[codes >= 0], return_counts=True)[1]
        results.append(perplexity(counts.unsqueeze(0))[0])
    return torch.stack(results)


def code_statistics(codes_BNQ: Tensor, sizes: Sequence[int]) -> dict[str, float]:
    """The mean perplexity of codes, and how many codes never occur."""
    used = sum(len(torch.unique(codes[codes >= 0])) for codes in codes_BNQ.flatten(0, 1).unbind(-1))
    return {"mean_perplexity": float(code_perplexity(codes_BNQ).mean()), "dead_codes": sum(sizes) - used}


def perplexity(counts_QK: Tensor) -> Tensor:
    """exp of the entropy of the code frequencies, `[Q]`: the effective number of codes in use."""
    p = counts_QK.float() / counts_QK.sum(-1, keepdim=True).clamp_min(1)
    return torch.exp(-(p * p.clamp_min(1e-12).log()).sum(-1))


def code_counts(codes_BNQ: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Number of occurrences of each code, `[Q, max(sizes)]`; padding (-1) is not counted."""
    counts = torch.zeros(len(sizes), max(sizes), device=codes_BNQ.device)
    for level, codes in enumerate(codes_BNQ.flatten(0, 1).unbind(-1)):
        counts[level] = torch.bincount(codes[codes >= 0], minlength=counts.shape[1]).float()
    return counts
