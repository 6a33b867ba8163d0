"""How something runs: in half precision, exported, compiled."""

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

from mmzoo.testing.common import TOLERANCE, Checks, ConformanceError, close, largest, require
from mmzoo.testing.subject import Subject

NEAR = {torch.bfloat16: 0.1, torch.float16: 0.05}
"""How far half precision may be from float32, relative to the largest value."""
SHARE = 0.9
"""Of the values, that must be so near: a rounded code may fall the other way."""


def checks(subject: Subject) -> Checks:
    """The checks of this file by name."""
    return {
        "bf16": lambda: check_half(subject, subject.component(), torch.bfloat16),
        "float16": lambda: check_half(subject, subject.component(), torch.float16),
        "export": lambda: check_export(subject),
        "compile": lambda: check_compile(subject, "aot_eager"),
        **({"inductor": lambda: check_compile(subject, "inductor")} if has_compiler() else {}),
    }


def has_compiler() -> bool:
    """Whether there is a C++ compiler, without which inductor cannot run on a CPU."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


class _Module(nn.Module):
    """A subject as a module from tensors to tensors."""

    def __init__(self, subject: Subject, component: nn.Module) -> None:
        super().__init__()
        self.subject, self.component = subject, component

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.subject.call(self.component, *inputs)


@torch.no_grad()
def check_half(subject: Subject, component: nn.Module, dtype: torch.dtype) -> None:
    """Under autocast, and kept in half precision whole, a component gives nearly what it gives in float32.

    Features and pixels come in the precision of the parameters, samples of sound in float32.
    """
    exact = subject.call(component, *subject.inputs)
    with torch.autocast("cpu", dtype):
        got = subject.call(component, *subject.inputs)
    compare(subject, f"under autocast to {named(dtype)}", got, exact, NEAR[dtype])
    halved = copy.deepcopy(component).to(dtype)
    got = subject.call(halved, *subject.cast_inputs(dtype))
    compare(subject, f"kept in {named(dtype)}", got, exact, NEAR[dtype])


def named(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")


def compare(subject: Subject, how: str, got: tuple[Tensor, ...], exact: tuple[Tensor, ...], tolerance: float) -> None:
    """Raise ConformanceError unless all is finite and most values are near, by the largest of them."""
    for mine, theirs in zip(got, exact, strict=True):
        if not theirs.is_floating_point() or theirs.numel() == 0:
            continue
        require(bool(torch.isfinite(mine).all()), f"{subject.label} {how} gives values that are not finite.")
        near = float(((mine.float() - theirs).abs() <= tolerance * largest(theirs)).float().mean())
        require(
            near >= SHARE,
            f"{subject.label} {how}: {1 - near:.0%} of the values are off by more than {tolerance:.0%} of the largest.",
        )


@torch.no_grad()
def check_export(subject: Subject) -> None:
    """`torch.export` makes a graph that computes the same."""
    component, inputs = subject.component(), subject.inputs
    exact = subject.call(component, *inputs)
    with _quiet(subject, "torch.export"):
        got = torch.export.export(_Module(subject, component), inputs).module()(*inputs)
    _same(subject, "exported", got, exact)


@torch.no_grad()
def check_compile(subject: Subject, backend: str) -> None:
    """`torch.compile` with this backend computes the same."""
    component, inputs = subject.component(), subject.inputs
    exact = subject.call(component, *inputs)
    with _quiet(subject, f"torch.compile with {backend}"):
        torch._dynamo.reset()
        got = torch.compile(_Module(subject, component), backend=backend)(*inputs)
        torch._dynamo.reset()
    _same(subject, f"compiled with {backend}", got, exact)


def _same(subject: Subject, how: str, got: tuple[Tensor, ...], exact: tuple[Tensor, ...]) -> None:
    require(
        all(close(mine.float(), theirs.float(), 10 * TOLERANCE) for mine, theirs in zip(got, exact, strict=True)),
        f"{subject.label} {how} gives another result than it gives otherwise.",
    )


@contextmanager
def _quiet(subject: Subject, tool: str) -> Iterator[None]:
    """Failures of the tool in one sentence, and without the pages that it prints."""
    printed: Any = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ConformanceError(
            f"{subject.label} cannot be taken by {tool}: {type(error).__name__}: {reason[:200].rstrip('.')}."
        ) from error
