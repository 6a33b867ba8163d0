"""Gradient estimators for quantization: pure functions of the input and the chosen code vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Estimator = Callable[[Tensor, Tensor], Tensor]


def straight_through(x: Tensor, q: Tensor) -> Tensor:
    """Forward q, backward the identity (van den Oord et al., arXiv 1711.00937)."""
    return x + (q - x).detach()


def rotation_trick(x: Tensor, q: Tensor) -> Tensor:
    """Forward q, backward the rotation and scaling that maps x to q (Fifty et al., arXiv 2410.06424, eq. 4).

    Vectors are along the last dimension. Where x or q is close to zero, the rotation is undefined and the
    straight-through gradient is used.
    """
    x_norm = x.detach().norm(dim=-1, keepdim=True)
    q_norm = q.detach().norm(dim=-1, keepdim=True)
    safe = (x_norm > 1e-6) & (q_norm > 1e-6)
    x_unit = x.detach() / x_norm.clamp_min(1e-6)
    q_unit = q.detach() / q_norm.clamp_min(1e-6)
    middle = x_unit + q_unit
    middle = middle / middle.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    scale = q_norm / x_norm.clamp_min(1e-6)
    rotated = x - 2 * (x * middle).sum(-1, keepdim=True) * middle + 2 * (x * x_unit).sum(-1, keepdim=True) * q_unit
    # Equals q only up to rounding; the correction makes forward agree exactly with decode(encode(x)).
    rotated = scale * rotated
    rotated = rotated + (q - rotated).detach()
    return torch.where(safe, rotated, straight_through(x, q))


ESTIMATORS: dict[str, Estimator] = {"straight-through": straight_through, "rotation": rotation_trick}
