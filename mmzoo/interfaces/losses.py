"""Pieces of the losses of diffusion: a prediction in training, and the mean of errors over real positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mmzoo.interfaces.components import DiffusionBackbone
    from mmzoo.interfaces.values import Condition, Latents


def predicted(backbone: DiffusionBackbone, x_t: Latents, t: Tensor, condition: Condition) -> Tensor:
    """The prediction of a backbone in training, in the dtype of x_t.

    Under autocast x_t enters in the lower precision: the residual stream has the dtype of its input, and a step in
    bfloat16 takes half the time.
    """
    kind = x_t.x.device.type
    x = x_t.x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x_t.x
    prediction: Tensor = backbone(x_t.with_x(x), t, condition)
    return prediction.to(x_t.x.dtype)


def masked_mean(
    errors_BN: Tensor, mask_BN: Tensor | None, weight_BN: Tensor | None = None, *, dim: int | None = None
) -> Tensor:
    """The weighted mean over the positions of a batch without padding, or with dim=1 over those of each item."""
    weight = torch.ones_like(errors_BN) if weight_BN is None else weight_BN
    if mask_BN is not None:
        weight = weight * mask_BN
    return (errors_BN * weight).sum(dim) / weight.sum(dim).clamp_min(torch.finfo(weight.dtype).tiny)
