"""Linear layers computed in float32, even in a half-precision model."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def linear_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer(x)` of a Linear or Identity computed in float32, whatever the dtype of the layer and of x."""
    if not isinstance(layer, nn.Linear):
        return x.float()
    return F.linear(x.float(), layer.weight.float(), None if layer.bias is None else layer.bias.float())
