"""Builds a model without initializing it: allocated and random tensors are on the meta device, constants are real.

Why not what libraries offer:

- `torch.device("meta")`: a constructor that reads a value of `torch.linspace` fails, and constant buffers are lost.
- `accelerate.init_empty_weights`: it draws every parameter before dropping it, breaks ties between parameters
  (`test_tied_tensors`), and patches `nn.Module` for all threads.
- Both: the first window or normal distribution on meta imports torch's compiler, which takes longer than the entire
  load (`test_building_to_load_imports_no_compiler`). So filling a meta tensor is skipped here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from mmzoo.errors import PluginError

SMALL = 1 << 16
"""Zeros, ones and the like with at most this many elements stay real, as constants; larger ones go to meta."""

STORAGE: frozenset[Callable[..., Any]] = frozenset(
    {
        torch.empty,
        torch.empty_strided,
        torch.empty_permuted,
        torch.rand,
        torch.randn,
        torch.randint,
        torch.randperm,
        torch.normal,
    }
)
# fmt: off
FILL = frozenset({
    "normal_", "uniform_", "zero_", "fill_", "copy_", "random_", "bernoulli_", "exponential_", "cauchy_",
    "geometric_", "log_normal_", "add_", "sub_", "mul_", "div_", "clamp_", "clamp_min_", "clamp_max_", "erfinv_",
    "round_", "neg_", "sqrt_", "exp_", "log_", "pow_", "lerp_", "masked_fill_", "index_fill_", "__setitem__",
})
# fmt: on
"""Methods that only change values; on meta tensors they have nothing to do."""

FILLED: frozenset[Callable[..., Any]] = frozenset({torch.zeros, torch.ones, torch.full, torch.eye})


class Skeleton(TorchFunctionMode):
    """While active, allocated and random tensors have shapes but no values; computed constants have both.

    Args:
        allocate: False keeps new tensors real; only filling meta tensors is then skipped.
    """

    def __init__(self, *, allocate: bool = True) -> None:
        super().__init__()
        self.allocate = allocate

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        target = args[0] if args else kwargs.get("tensor")
        if _is_meta(target) and (_name(func) in FILL or getattr(func, "__module__", "") == "torch.nn.init"):
            return target
        placed = kwargs.get("device") is not None or kwargs.get("out") is not None
        if self.allocate and func in STORAGE and not placed:
            kwargs = {key: value for key, value in kwargs.items() if key not in ("generator", "pin_memory")}
            args, kwargs = _to_meta((args, {**kwargs, "device": "meta"}))
        elif len({tensor.is_meta for tensor in _tensors((args, kwargs))}) == 2:
            return _mixed(func, args, kwargs)
        result = func(*args, **kwargs)
        if self.allocate and func in FILLED and not placed and result.numel() > SMALL:
            return result.to("meta")
        return result


@contextmanager
def skeleton(*, allocate: bool = True) -> Iterator[None]:
    """Build modules in this context without initializing them; torch's random state is left unchanged."""
    with torch.random.fork_rng(devices=[]), Skeleton(allocate=allocate):
        yield


def _name(func: Any) -> str:
    return getattr(func, "__name__", "")


def _mixed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function on real and meta tensors together; the result is on meta.

    Writing such a result into a constant would leave the constant silently wrong, so that is an error.
    """
    name = _name(func)
    writes = name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or "out" in kwargs
    if writes and _is_real(kwargs.get("out", args[0] if args else None)):
        raise PluginError(
            f"A component writes values of its parameters into a constant (by {name}) before they are loaded;"
            " compute what is not stored in the weights from settings only."
        )
    args, kwargs = _to_meta((args, kwargs))
    return func(*args, **kwargs)


def _tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors in nested arguments (called for every operation, and several times as fast as torch's pytree)."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _tensors(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from _tensors(item)


def _to_meta(tree: Any) -> Any:
    return tree_map(lambda item: item.to("meta") if _is_real(item) else item, tree)


def _is_meta(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_meta


def _is_real(item: Any) -> bool:
    return isinstance(item, Tensor) and not item.is_meta
