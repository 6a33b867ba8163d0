"""Outcomes of checks, and running them. Imports nothing heavy, because pytest imports it in every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mmzoo.errors import InputError, MmzooError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

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


def require(holds: bool | Tensor, sentence: str) -> None:
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
    from mmzoo.schema import first_line

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
