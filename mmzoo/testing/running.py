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

from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.target import Target
from mmzoo.testing.values import TOLERANCE, close, max_abs

HALF_TOLERANCE = {torch.bfloat16: 0.1, torch.float16: 0.05}
"""Allowed difference of half precision from float32, relative to the largest absolute value."""
MIN_FRACTION = 0.9
"""Fraction of the values that must be within tolerance; a code near a boundary may round the other way."""

Tensors = tuple[Tensor, ...]


def has_compiler() -> bool:
    """Whether there is a C++ compiler; inductor needs one on a CPU."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


class _Module(nn.Module):
    """The target as a module from tensors to tensors."""

    def __init__(self, target: Target, component: nn.Module) -> None:
        super().__init__()
        self.target, self.component = target, component

    def forward(self, *inputs: Tensor) -> Tensors:
        return self.target.call(self.component, *inputs)


class RunningTarget(Target):
    """A target that is run in half precision, exported and compiled."""

    def running_checks(self) -> Checks:
        """The checks in this file, by name."""
        return {
            "bf16": lambda: self.check_half(torch.bfloat16),
            "float16": lambda: self.check_half(torch.float16),
            "export": self.check_export,
            "compile": lambda: self.check_compile("aot_eager"),
            **({"inductor": lambda: self.check_compile("inductor")} if has_compiler() else {}),
        }

    def realistic(self) -> Any:
        """The instance to check in half precision, with realistic weights where there are any."""
        return self.component()

    @torch.no_grad()
    def check_half(self, dtype: torch.dtype) -> None:
        """Under autocast, and with parameters cast to half precision, outputs are close to those in float32.

        Features and pixels are cast with the parameters; audio samples stay float32.
        """
        component, tolerance = self.realistic(), HALF_TOLERANCE[dtype]
        exact = self.call(component, *self.inputs)
        with torch.autocast("cpu", dtype):
            outputs = self.call(component, *self.inputs)
        self.compare(f"under autocast to {named(dtype)}", outputs, exact, tolerance)
        outputs = self.call(copy.deepcopy(component).to(dtype), *self.cast_inputs(dtype))
        self.compare(f"cast to {named(dtype)}", outputs, exact, tolerance)

    def compare(self, how: str, outputs: Tensors, exact: Tensors, tolerance: float) -> None:
        """Raise ConformanceError unless all values are finite and most are within tolerance of the exact ones."""
        for mine, theirs in zip(outputs, exact, strict=True):
            if not theirs.is_floating_point() or theirs.numel() == 0:
                continue
            require(mine.isfinite().all(), f"{self.label} {how} gives values that are not finite.")
            within = float(((mine.float() - theirs).abs() <= tolerance * max_abs(theirs)).float().mean())
            require(
                within >= MIN_FRACTION,
                f"{self.label} {how}: {1 - within:.0%} of the values are off by more than {tolerance:.0%} of the"
                " largest one.",
            )

    @torch.no_grad()
    def check_export(self) -> None:
        """The graph made by `torch.export` gives the same outputs."""
        component = self.component()
        with self._translated("torch.export"):
            graph = torch.export.export(_Module(self, component), self.inputs).module()
            outputs = graph(*self.inputs)
        self._require_eager("exported", outputs, component)

    @torch.no_grad()
    def check_compile(self, backend: str) -> None:
        """`torch.compile` with this backend gives the same outputs."""
        component = self.component()
        with self._translated(f"torch.compile with {backend}"):
            torch._dynamo.reset()
            outputs = torch.compile(_Module(self, component), backend=backend)(*self.inputs)
            torch._dynamo.reset()
        self._require_eager(f"compiled with {backend}", outputs, component)

    def _require_eager(self, how: str, outputs: Tensors, component: nn.Module) -> None:
        exact = self.call(component, *self.inputs)
        require(
            all(close(a.float(), b.float(), 10 * TOLERANCE) for a, b in zip(outputs, exact, strict=True)),
            f"{self.label} {how} gives another result than in eager mode.",
        )

    @contextmanager
    def _translated(self, tool: str) -> Iterator[None]:
        """Turn a failure of the tool into one sentence, and suppress its output."""
        printed: Any = io.StringIO()
        try:
            with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
                warnings.simplefilter("ignore")
                yield
        except Exception as error:
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ConformanceError(
                f"{tool} fails on {self.label}: {type(error).__name__}: {reason[:200].rstrip('.')}."
            ) from error


def named(dtype: torch.dtype) -> str:
    """For example `bfloat16`."""
    return str(dtype).removeprefix("torch.")
