"""The dtype rule: vectors that enter a component are cast to the dtype of its parameters.

So a model in half or double precision takes what a float32 model takes, and parts of different dtypes fit together.
Speech samples `[B, T]` and times `[B]` keep their dtype: in bfloat16, samples would have 8 bits. Under autocast, torch
chooses the dtypes and nothing is cast here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces.threads import adjust
from mmzoo.interfaces.values import Condition, Latents


def entry(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a component with the vectors in its arguments cast; see `Component.entries`."""

    @functools.wraps(method)
    def entered(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.compiler.is_compiling():
            adjust()
        first = next((p for p in self.parameters() if p.is_floating_point()), None)
        if first is None or torch.is_autocast_enabled(first.device.type):
            return method(self, *args, **kwargs)
        dtype = first.dtype
        return method(self, *(cast(a, dtype) for a in args), **{key: cast(a, dtype) for key, a in kwargs.items()})

    return entered


def cast(value: Any, dtype: torch.dtype) -> Any:
    """Float vectors (three or more dimensions) in the dtype, also in Latents, a Condition or a mapping of them."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.dim() >= 3 and value.is_floating_point() else value
    if isinstance(value, Latents):
        return value.with_x(cast(value.x, dtype))
    if isinstance(value, Condition):
        vectors = {name: vector.to(dtype) for name, vector in value.vectors.items()}
        return replace(
            value, vectors=vectors, aligned=cast(value.aligned, dtype), sequences=cast(value.sequences, dtype)
        )
    if isinstance(value, Mapping):
        return {key: cast(one, dtype) for key, one in value.items()}
    return value
