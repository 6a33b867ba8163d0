"""What the checks of every kind need: outcomes, comparisons, seeds, fresh components, declared ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part, construct_part, own_tensors
from mmzoo.errors import InputError, MmzooError, UsageError
from mmzoo.interfaces import Latents, Port, Ports
from mmzoo.schema import first_line

TOLERANCE = 1e-4
"""How far two ways of computing the same may be apart, relative to the largest value."""
SMALLEST = 1e-3
"""What counts as the largest value where all are smaller: below it, differences are those of rounding."""
STEPS = 3
"""Steps of training within which every parameter must get a gradient."""

Checks = Mapping[str, Callable[[], None]]
"""Checks by their names, in the order in which they are run."""


class ConformanceError(MmzooError, AssertionError):
    """A component breaks its contract; the sentence says which part of it and what was expected.

    failures: what each failed check says, by its name, where all checks were run.
    """

    def __init__(self, message: str, *, failures: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.failures = dict(failures or {})


class NotChecked(Exception):  # noqa: N818 - no error: the contract is neither held nor broken
    """Raised by a check that cannot be made; the results show its message.

    That is `not applicable: why` or `not checked: why`.
    """


def require(holds: bool, sentence: str) -> None:
    """Raise ConformanceError with this sentence unless the condition holds."""
    if not holds:
        raise ConformanceError(sentence)


def applicable(applies: bool, reason: str) -> None:
    """Raise NotChecked with this reason unless the check applies."""
    if not applies:
        raise NotChecked(f"not applicable: {reason}")


def perform(label: str, name: str, check: Callable[[], None]) -> None:
    """Run one check. What is raised is one of mmzoo's errors: a component that crashes breaks its contract too.

    Or NotChecked.
    """
    try:
        check()
    except (MmzooError, NotChecked):
        raise
    except (Exception, SystemExit) as error:
        raise ConformanceError(f"{label} fails the check {name!r}: {first_line(error)}.") from error


def hold(label: str, checks: Checks) -> None:
    """Run all checks and raise one error that lists every failure.

    Inductor is left to `pytest --mmzoo`: it takes a minute.

    Raises:
        ConformanceError: one or more checks failed; `failures` has their sentences.
        UsageError: the name or the config under test is wrong, so that there is nothing to check.
    """
    failures: dict[str, str] = {}
    for name, check in checks.items():
        if name == "inductor":
            continue
        try:
            perform(label, name, check)
        except NotChecked:
            continue
        except MmzooError as error:
            if isinstance(error, UsageError) and not isinstance(error, InputError):
                raise
            failures[name] = str(error)
    if failures:
        count = "a check" if len(failures) == 1 else f"{len(failures)} checks"
        lines = "".join(f"\n- {name}: {sentence}" for name, sentence in failures.items())
        raise ConformanceError(f"{label} fails {count} of its contract:{lines}", failures=failures)


def largest(tensor: Tensor) -> float:
    """The largest absolute value, or SMALLEST if that is larger."""
    return max(SMALLEST, float(tensor.abs().max())) if tensor.numel() else SMALLEST


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Same shape, and nowhere further apart than the tolerance times the largest value."""
    if a.shape != b.shape:
        return False
    return a.numel() == 0 or bool((a - b).abs().max() <= tolerance * largest(b))


def seeded(seed: int) -> AbstractContextManager[None]:
    """Torch's global random state is this seed's inside, and what it was before afterwards."""
    return _Seeded(seed)


class _Seeded(AbstractContextManager[None]):
    def __init__(self, seed: int) -> None:
        self.seed, self.fork = seed, torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        self.fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *error: Any) -> None:
        self.fork.__exit__(*error)


# --- components --------------------------------------------------------------------------------------


def declared(part: Part) -> Ports:
    """The component's ports, which must be the same each time they are asked for."""
    ports = part.ports()
    require(ports == part.ports(), f"{part.label} declares other ports when it is asked a second time.")
    return ports


def port(part: Part, side: str, name: str) -> Port:
    """One declared port; ConformanceError if the component does not declare it."""
    found: Port | None = getattr(declared(part), side).get(name)
    if found is None:
        raise ConformanceError(
            f"{part.label} declares no port {name!r} among its {side}; return it from the classmethod `ports`."
        )
    return found


def built(part: Part, seed: int = 0) -> Any:
    """The component with the fresh parameters of a seed, in eval mode."""
    with seeded(seed):
        component = construct_part(part, device="cpu")
    return component.eval() if isinstance(component, nn.Module) else component


def stirred(component: nn.Module, seed: int = 1) -> nn.Module:
    """The component with its own parameters moved a little, so that what starts at zero is tested too."""
    generator = torch.Generator().manual_seed(seed)
    own = {id(tensor) for tensor in own_tensors(component).values()}
    with torch.no_grad():
        for parameter in component.parameters():
            if parameter.is_floating_point() and id(parameter) in own:
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=0.02)
    return component


# --- values ------------------------------------------------------------------------------------------


def functional(*tensors: Tensor) -> Tensor:
    """A scalar on which every value has an influence, also where all are 0: what gradients are taken of."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros(())
    for tensor in tensors:
        if tensor.is_floating_point():
            weights = torch.randn(tensor.shape, generator=generator)
            total = total + (tensor.float() * weights).mean() + tensor.float().square().mean()
    return total


def check_latents(part: Part, latents: Any, mask: Tensor | None, wanted: Port) -> None:
    """Latents `[B, N, D]` float, with a mask `[B, N]` where the input had one, as the port declares them."""
    require(isinstance(latents, Latents), f"{part.label} returns {type(latents).__name__} where Latents are expected.")
    x = latents.x
    require(
        x.dim() == 3 and x.is_floating_point(),
        f"{part.label} returns latents of {x.dtype} {list(x.shape)}; float [B, N, D] was expected.",
    )
    if wanted.width is not None:
        require(
            x.shape[-1] == wanted.width, f"{part.label} declares latents of width {wanted.width}, not {x.shape[-1]}."
        )
    if wanted.rate is not None:
        require(
            latents.rate == wanted.rate, f"{part.label} declares {wanted.rate} latents a second, not {latents.rate}."
        )
    if mask is not None:
        got = latents.mask
        require(
            got is not None and got.dtype is torch.bool and got.shape == x.shape[:2],
            f"{part.label} was given a mask; its latents must have one, bool {list(x.shape[:2])}.",
        )
