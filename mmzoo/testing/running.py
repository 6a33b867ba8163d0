"""How a component runs: without a network, in half precision, exported, compiled."""

from __future__ import annotations

import copy
import io
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmzoo.testing.common import TOLERANCE, ConformanceError, built, close, require, stirred
from mmzoo.testing.offline import offline

if TYPE_CHECKING:
    from mmzoo.testing.trial import Trial

NEAR = {torch.bfloat16: 0.1, torch.float16: 0.05}
"""How far half precision may be from float32, relative to the largest value."""
SHARE = 0.9
"""Of the values, that must be so near: a rounded code may fall the other way."""


def has_compiler() -> bool:
    """Whether there is a C++ compiler, without which inductor cannot run on a CPU."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


class _Module(nn.Module):
    """A component as a module from tensors to tensors."""

    def __init__(self, trial: Trial, component: nn.Module) -> None:
        super().__init__()
        self.trial, self.component = trial, component

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.trial.call(self.component, *inputs)


def check_offline(trial: Trial) -> None:
    """The component is built and used without a network."""
    with offline() as tried:
        try:
            component = built(trial.part)
            with torch.no_grad():
                trial.call(component, *trial.inputs)
        except Exception:
            if not tried:  # another check's business
                return
    require(
        not tried,
        f"{trial.label} tries to reach {', '.join(dict.fromkeys(tried))} while it is built or used; only weights are"
        " downloaded, and that is mmzoo's part.",
    )


@torch.no_grad()
def check_half(trial: Trial, dtype: torch.dtype) -> None:
    """Under autocast, and kept in half precision whole, the component gives nearly what it gives in float32.

    Features and pixels come in the precision of the parameters, samples of sound in float32.
    """
    component = stirred(built(trial.part))
    exact = trial.call(component, *trial.inputs)
    with torch.autocast("cpu", dtype):
        _compare(trial, f"under autocast to {_named(dtype)}", trial.call(component, *trial.inputs), exact, NEAR[dtype])
    halved = copy.deepcopy(component).to(dtype)
    inputs = [x.to(dtype) if x.is_floating_point() and trial.halves else x for x in trial.inputs]
    _compare(trial, f"kept in {_named(dtype)}", trial.call(halved, *inputs), exact, NEAR[dtype])


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _compare(trial: Trial, how: str, got: tuple[Tensor, ...], exact: tuple[Tensor, ...], tolerance: float) -> None:
    for mine, theirs in zip(got, exact, strict=True):
        if not theirs.is_floating_point() or theirs.numel() == 0:
            continue
        require(bool(torch.isfinite(mine).all()), f"{trial.label} {how} gives values that are not finite.")
        scale = max(1.0, float(theirs.abs().max()))
        near = float(((mine.float() - theirs).abs() <= tolerance * scale).float().mean())
        require(near >= SHARE, f"{trial.label} {how}: {1 - near:.0%} of the values are further than {tolerance:g} off.")


@torch.no_grad()
def check_export(trial: Trial) -> None:
    """`torch.export` makes a graph of the component that computes the same."""
    component = stirred(built(trial.part))
    exact = trial.call(component, *trial.inputs)
    with _quiet(trial, "torch.export"):
        got = torch.export.export(_Module(trial, component), trial.inputs).module()(*trial.inputs)
    _same(trial, "exported", got, exact)


@torch.no_grad()
def check_compile(trial: Trial, backend: str) -> None:
    """`torch.compile` with this backend computes the same."""
    component = stirred(built(trial.part))
    exact = trial.call(component, *trial.inputs)
    with _quiet(trial, f"torch.compile with {backend}"):
        torch._dynamo.reset()
        got = torch.compile(_Module(trial, component), backend=backend)(*trial.inputs)
        torch._dynamo.reset()
    _same(trial, f"compiled with {backend}", got, exact)


def _same(trial: Trial, how: str, got: tuple[Tensor, ...], exact: tuple[Tensor, ...]) -> None:
    require(
        all(close(mine.float(), theirs.float(), 10 * TOLERANCE) for mine, theirs in zip(got, exact, strict=True)),
        f"{trial.label} {how} gives another result than it gives otherwise.",
    )


@contextmanager
def _quiet(trial: Trial, tool: str) -> Iterator[None]:
    """Failures of the tool in one sentence, and without the pages that it prints."""
    printed: Any = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ConformanceError(
            f"{trial.label} cannot be taken by {tool}: {type(error).__name__}: {reason[:200].rstrip('.')}."
        ) from error
