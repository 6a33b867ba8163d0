"""Layers in float32, also where the model around them is kept in half precision."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def linear_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer(x)` of a Linear (or an Identity) in float32, whatever the layer and x are kept in."""
    if not isinstance(layer, nn.Linear):
        return x.float()
    return F.linear(x.float(), layer.weight.float(), None if layer.bias is None else layer.bias.float())
