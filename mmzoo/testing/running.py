"""Checks of half precision, export and compilation."""

from __future__ import annotations

import copy
import io
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.testing.common import TOLERANCE, Checks, ConformanceError, close, max_abs, require
from mmzoo.testing.target import Target

HALF_TOLERANCE = {torch.bfloat16: 0.1, torch.float16: 0.05}
"""Allowed difference of half precision from float32, relative to the largest absolute value."""
MIN_FRACTION = 0.9
"""Fraction of the values that must be within tolerance; a code near a boundary may round the other way."""


def checks(target: Target) -> Checks:
    """The checks in this file, by name."""
    return {
        "bf16": lambda: check_half(target, target.component(), torch.bfloat16),
        "float16": lambda: check_half(target, target.component(), torch.float16),
        "export": lambda: check_export(target),
        "compile": lambda: check_compile(target, "aot_eager"),
        **({"inductor": lambda: check_compile(target, "inductor")} if has_compiler() else {}),
    }


def has_compiler() -> bool:
    """Whether there is a C++ compiler; inductor needs one on a CPU."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


class _Module(nn.Module):
    """The target as a module from tensors to tensors."""

    def __init__(self, target: Target, component: nn.Module) -> None:
        super().__init__()
        self.target, self.component = target, component

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.target.call(self.component, *inputs)


@torch.no_grad()
def check_half(target: Target, component: nn.Module, dtype: torch.dtype) -> None:
    """Under autocast, and with parameters cast to half precision, outputs are close to those in float32.

    Features and pixels are cast with the parameters; audio samples stay float32.
    """
    exact = target.call(component, *target.inputs)
    with torch.autocast("cpu", dtype):
        outputs = target.call(component, *target.inputs)
    compare(target, f"under autocast to {named(dtype)}", outputs, exact, HALF_TOLERANCE[dtype])
    half = copy.deepcopy(component).to(dtype)
    outputs = target.call(half, *target.cast_inputs(dtype))
    compare(target, f"cast to {named(dtype)}", outputs, exact, HALF_TOLERANCE[dtype])


def named(dtype: torch.dtype) -> str:
    """For example `bfloat16`."""
    return str(dtype).removeprefix("torch.")


def compare(target: Target, how: str, outputs: tuple[Tensor, ...], exact: tuple[Tensor, ...], tolerance: float) -> None:
    """Raise ConformanceError unless all values are finite and most are within tolerance of the exact ones."""
    for mine, theirs in zip(outputs, exact, strict=True):
        if not theirs.is_floating_point() or theirs.numel() == 0:
            continue
        require(bool(torch.isfinite(mine).all()), f"{target.label} {how} gives values that are not finite.")
        within = float(((mine.float() - theirs).abs() <= tolerance * max_abs(theirs)).float().mean())
        require(
            within >= MIN_FRACTION,
            f"{target.label} {how}: {1 - within:.0%} of the values are off by more than {tolerance:.0%} of the"
            " largest one.",
        )


@torch.no_grad()
def check_export(target: Target) -> None:
    """The graph made by `torch.export` gives the same outputs."""
    component, inputs = target.component(), target.inputs
    exact = target.call(component, *inputs)
    with _quiet(target, "torch.export"):
        outputs = torch.export.export(_Module(target, component), inputs).module()(*inputs)
    _require_same(target, "exported", outputs, exact)


@torch.no_grad()
def check_compile(target: Target, backend: str) -> None:
    """`torch.compile` with this backend gives the same outputs."""
    component, inputs = target.component(), target.inputs
    exact = target.call(component, *inputs)
    with _quiet(target, f"torch.compile with {backend}"):
        torch._dynamo.reset()
        outputs = torch.compile(_Module(target, component), backend=backend)(*inputs)
        torch._dynamo.reset()
    _require_same(target, f"compiled with {backend}", outputs, exact)


def _require_same(target: Target, how: str, outputs: tuple[Tensor, ...], exact: tuple[Tensor, ...]) -> None:
    require(
        all(close(mine.float(), theirs.float(), 10 * TOLERANCE) for mine, theirs in zip(outputs, exact, strict=True)),
        f"{target.label} {how} gives another result than in eager mode.",
    )


@contextmanager
def _quiet(target: Target, tool: str) -> Iterator[None]:
    """Turn a failure of the tool into one sentence, and suppress its output."""
    printed: Any = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ConformanceError(
            f"{tool} fails on {target.label}: {type(error).__name__}: {reason[:200].rstrip('.')}."
        ) from error
