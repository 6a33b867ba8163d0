"""What stays in float32 even in a half-precision model: some linear layers, and the buffers of some modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch.nn.functional as F
from torch import Tensor, nn


class Float32Buffers(nn.Module):
    """Base of modules whose buffers stay float32 when the model is cast.

    For window functions, statistics and moving averages, which half precision would spoil: 256 + 1 is 256 in bfloat16.
    """

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        """Move the buffers as `Module.to`, `half` and so on ask, but keep their dtype."""
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, buffer in before.items():
            after = self._buffers[name]
            if buffer is not None and after is not None and after.dtype != buffer.dtype:
                self._buffers[name] = buffer.to(after.device)
        return self


def float32_buffers(module: nn.Module) -> set[int]:
    """Ids of the buffers that stay float32."""
    owners = (owner for owner in module.modules() if isinstance(owner, Float32Buffers))
    return {id(buffer) for owner in owners for buffer in owner._buffers.values() if buffer is not None}


def linear_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer(x)` of a Linear or Identity computed in float32, whatever the dtype of the layer and of x."""
    if not isinstance(layer, nn.Linear):
        return x.float()
    return F.linear(x.float(), layer.weight.float(), None if layer.bias is None else layer.bias.float())
