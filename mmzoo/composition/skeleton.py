"""Building a model without paying for its values: storage goes to the meta device, constants stay real.

Plain `torch.device("meta")` would do for the shapes, but then a constructor that reads a value of
`torch.linspace` fails, every constant buffer is lost, and the first window, filter or normal distribution on
meta imports torch's compiler, which takes more than a second. Here only what a constructor allocates or draws
is on meta, and filling it is skipped; what it computes from numbers (windows, ranges, small zeros and ones)
has its values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_any, tree_map

from mmzoo.errors import PluginError

SMALL = 1 << 16
"""Elements up to which zeros, ones and the like are real: more may be a parameter, and cost memory."""

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
"""Methods that change values and nothing else: without values there is nothing to do."""

FILLED: frozenset[Callable[..., Any]] = frozenset({torch.zeros, torch.ones, torch.full, torch.eye})


class Skeleton(TorchFunctionMode):
    """While active, allocated and random tensors have shapes but no values; computed constants have both.

    allocate: False leaves new tensors real and only keeps those on meta from costing anything.
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
        if self.allocate and (func in STORAGE or (func in FILLED and _elements(func, args, kwargs) > SMALL)):
            if kwargs.get("device") is None and kwargs.get("out") is None:
                kwargs["device"] = "meta"
                kwargs.pop("generator", None)
                kwargs.pop("pin_memory", None)
                args, kwargs = _to_meta((args, kwargs))
            return func(*args, **kwargs)
        if tree_any(_is_meta, (args, kwargs)) and tree_any(_is_real, (args, kwargs)):
            return _mixed(func, args, kwargs)
        return func(*args, **kwargs)


@contextmanager
def skeleton(*, allocate: bool = True) -> Iterator[None]:
    """Build inside this: no initialisation is paid for, and torch's random state stays as it was."""
    with torch.random.fork_rng(devices=[]), Skeleton(allocate=allocate):
        yield


def _name(func: Any) -> str:
    return getattr(func, "__name__", "")


def _mixed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call with tensors that have values and tensors that have none: the result has none."""
    name = _name(func)
    writes = name == "__setitem__" or (name.endswith("_") and not name.endswith("__")) or "out" in kwargs
    target = kwargs.get("out", args[0] if args else None)
    if writes and _is_real(target):
        raise PluginError(
            f"A component writes values of its parameters into a constant (by {name}) before they are loaded;"
            " compute what is not stored in weights from settings alone."
        )
    args, kwargs = _to_meta((args, kwargs))
    return func(*args, **kwargs)


def _to_meta(tree: Any) -> Any:
    return tree_map(lambda item: item.to("meta") if _is_real(item) else item, tree)


def _is_meta(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_meta


def _is_real(item: Any) -> bool:
    return isinstance(item, Tensor) and not item.is_meta


def _elements(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How many elements a call of `zeros` and the like asks for; 0 for a call that will fail anyway."""
    try:
        if func is torch.eye:
            rows = int(args[0] if args else kwargs["n"])
            return rows * int(args[1] if len(args) > 1 else kwargs.get("m") or rows)
        size = args[0] if args and not isinstance(args[0], int) else kwargs.get("size", args)
        return math.prod(int(extent) for extent in size)
    except (TypeError, ValueError, KeyError):
        return 0
