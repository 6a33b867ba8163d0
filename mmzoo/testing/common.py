"""Shared by the checks of every kind: outcomes, comparisons, seeds, fresh components, declared ports."""

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
"""Allowed difference between two ways of computing the same values, relative to the largest absolute value."""
SMALLEST = 1e-3
"""Lower bound on the largest absolute value used in comparisons; differences below this scale are rounding."""
STEPS = 3
"""Number of training steps within which every parameter must receive a gradient."""

Checks = Mapping[str, Callable[[], None]]
"""Checks by name, in the order in which they run."""


class ConformanceError(MmzooError, AssertionError):
    """A component violates its contract; the message says which part and what was expected.

    Args:
        message: The sentence to show.
        failures: The message of each failed check by name, when all checks were run.
    """

    def __init__(self, message: str, *, failures: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.failures = dict(failures or {})


class NotChecked(Exception):  # noqa: N818 - not an error: the contract is neither met nor violated
    """Raised by a check that cannot run; its message, `not applicable: why` or `not checked: why`, is the outcome."""


def require(holds: bool, sentence: str) -> None:
    """Raise ConformanceError with this sentence unless the condition is true."""
    if not holds:
        raise ConformanceError(sentence)


def applicable(applies: bool, reason: str) -> None:
    """Raise NotChecked with this reason unless the check applies."""
    if not applies:
        raise NotChecked(f"not applicable: {reason}")


def run_check(label: str, name: str, check: Callable[[], None]) -> None:
    """Run one check. A component that crashes violates its contract too.

    Raises:
        MmzooError: The check failed; any other exception becomes a ConformanceError.
        NotChecked: The check cannot run.
    """
    try:
        check()
    except (MmzooError, NotChecked):
        raise
    except (Exception, SystemExit) as error:
        raise ConformanceError(f"{label} fails the check {name!r}: {first_line(error)}.") from error


def run_checks(label: str, checks: Checks) -> None:
    """Run all checks and raise one error that lists every failure.

    The inductor check takes a minute, so only `pytest --mmzoo` runs it.

    Raises:
        ConformanceError: One or more checks failed; `failures` holds their messages.
        UsageError: The name or config under test is wrong, so there is nothing to check.
    """
    failures: dict[str, str] = {}
    for name, check in checks.items():
        if name == "inductor":
            continue
        try:
            run_check(label, name, check)
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


def max_abs(tensor: Tensor) -> float:
    """The largest absolute value, but at least SMALLEST."""
    return max(SMALLEST, float(tensor.abs().max())) if tensor.numel() else SMALLEST


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether the shapes are equal and no difference exceeds `tolerance * max_abs(b)`."""
    if a.shape != b.shape:
        return False
    return a.numel() == 0 or bool((a - b).abs().max() <= tolerance * max_abs(b))


def seeded(seed: int) -> AbstractContextManager[None]:
    """Seed torch's global generator for the duration of the context, then restore its state."""
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
    """The component's ports, which must not change between calls."""
    ports = part.ports()
    require(ports == part.ports(), f"{part.label} declares different ports on the second call of `ports`.")
    return ports


def port(part: Part, side: str, name: str) -> Port:
    """One declared port; ConformanceError if the component does not declare it."""
    declared_port: Port | None = getattr(declared(part), side).get(name)
    if declared_port is None:
        raise ConformanceError(
            f"{part.label} declares no port {name!r} among its {side}; return it from the classmethod `ports`."
        )
    return declared_port


def built(part: Part, seed: int = 0) -> Any:
    """The component with fresh parameters drawn under a seed, in eval mode."""
    with seeded(seed):
        component = construct_part(part, device="cpu")
    return component.eval() if isinstance(component, nn.Module) else component


def perturbed(component: nn.Module, seed: int = 1) -> nn.Module:
    """The component with noise added to its own parameters, so that those initialized to zero are tested too."""
    generator = torch.Generator().manual_seed(seed)
    own = {id(tensor) for tensor in own_tensors(component).values()}
    with torch.no_grad():
        for parameter in component.parameters():
            if parameter.is_floating_point() and id(parameter) in own:
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=0.02)
    return component


# --- values ------------------------------------------------------------------------------------------


def probe_loss(*tensors: Tensor) -> Tensor:
    """A scalar for gradient checks that depends on every value, even where all are 0."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros(())
    for tensor in tensors:
        if tensor.is_floating_point():
            weights = torch.randn(tensor.shape, generator=generator)
            total = total + (tensor.float() * weights).mean() + tensor.float().square().mean()
    return total


def check_latents(part: Part, latents: Any, mask: Tensor | None, wanted: Port) -> None:
    """Require float latents `[B, N, D]` as the port declares, with a mask `[B, N]` if the input had one."""
    require(isinstance(latents, Latents), f"{part.label} returns {type(latents).__name__}; Latents were expected.")
    x = latents.x
    require(
        x.dim() == 3 and x.is_floating_point(),
        f"{part.label} returns latents of {x.dtype} {list(x.shape)}; float [B, N, D] was expected.",
    )
    if wanted.width is not None:
        require(
            x.shape[-1] == wanted.width,
            f"{part.label} declares latents of width {wanted.width} but returns {x.shape[-1]}.",
        )
    if wanted.rate is not None:
        require(
            latents.rate == wanted.rate,
            f"{part.label} declares {wanted.rate} latents per second but returns {latents.rate}.",
        )
    if mask is not None:
        latent_mask = latents.mask
        require(
            latent_mask is not None and latent_mask.dtype is torch.bool and latent_mask.shape == x.shape[:2],
            f"{part.label} was given a mask, so its latents must have one, bool {list(x.shape[:2])}.",
        )
