"""All checks of a plugin as cases that can be run one by one, and what became of them as a record."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmzoo.registry import PluginRecord, catalog
from mmzoo.registry.plugins import named
from mmzoo.testing.common import perform
from mmzoo.testing.records import KIT_VERSION, NOT_RUN, code_digest

BADNESS = ("passed", "exempt", "not applicable", "not checked", NOT_RUN, "failed")


@dataclass(frozen=True, slots=True)
class Case:
    """One check of one subject. subject: `plugin`, `kind/name` or `model/name`. exempt: why it is not run."""

    subject: str
    trial: int
    check: str
    run: Callable[[], None]
    exempt: str | None = None

    @property
    def title(self) -> str:
        """`quantizer/fsq[1] masks`: of several trials, the second."""
        return f"{self.subject}{f'[{self.trial}]' if self.trial else ''} {self.check}"


def find_plugins(name: str) -> list[PluginRecord]:
    """The records of an installed distribution, by its name or that of an entry point. Raises UnknownNameError."""
    return named(catalog().plugins(), name)


def cases(name: str) -> list[Case]:
    """Every check of the plugin of this name, of all its components and models. Raises UnknownNameError.

    Nothing of the plugin is imported, built or looked up yet, so that what is broken is a failed check.
    """
    from mmzoo.testing.any_kind import checks_of
    from mmzoo.testing.models import ModelTrial
    from mmzoo.testing.package import PackageTrial

    records, known = find_plugins(name), catalog()
    found: list[Case] = []
    for index, record in enumerate(records):
        package = PackageTrial(record)
        found += _cases("plugin", index, package.label, package.checks(), {})
    for spec in known.components():
        if spec.plugin != records[0].distribution:
            continue
        for index, trial in enumerate(spec.trials):
            config: dict[str, Any] = dict(trial)
            details: dict[str, Any] = {}
            if spec.kind == "head":
                details = {"slots": config.pop("slots", {}), "rows": config.pop("rows", True)}
            label, checks = checks_of(spec.kind, known.written(spec), config, **details)
            found += _cases(f"{spec.kind}/{spec.name}", index, label, checks, spec.exempt)
    for model in known.models():
        if model.plugin == records[0].distribution:
            whole = ModelTrial(model)
            found += _cases(f"model/{model.name}", 0, whole.label, whole.checks(), {})
    return found


def _cases(
    subject: str, trial: int, label: str, checks: Mapping[str, Callable[[], None]], exempt: Mapping[str, str]
) -> Iterable[Case]:
    for name, check in checks.items():
        yield Case(subject, trial, name, _performed(label, name, check), exempt.get(name))


def _performed(label: str, name: str, check: Callable[[], None]) -> Callable[[], None]:
    return lambda: perform(label, name, check)


def report(name: str, results: Iterable[tuple[str, int, str, str]]) -> dict[str, Any]:
    """A record of a run: which kit, when, of which version, and for every subject what became of each check.

    results: (subject, trial, check, outcome); `mmzoo.testing.records` lists the outcomes, and a check without a
    result was not run. Of several trials the worst counts.
    """
    import mmzoo

    record = find_plugins(name)[0]
    told = {(case.subject, case.trial, case.check): NOT_RUN for case in cases(name)}
    told |= {(subject, trial, check): outcome for subject, trial, check, outcome in results}
    subjects: dict[str, dict[str, str]] = {}
    for (subject, _, check), outcome in told.items():
        checks = subjects.setdefault(subject, {})
        checks[check] = max(checks.get(check, "passed"), outcome, key=_badness)
    return {
        "kit": KIT_VERSION,
        "date": datetime.date.today().isoformat(),
        "plugin": record.distribution,
        "version": record.version,
        "mmzoo": mmzoo.__version__,
        "code": code_digest(record.distribution),
        "results": subjects,
    }


def _badness(outcome: str) -> int:
    return next(rank for rank, kind in enumerate(BADNESS) if outcome.startswith(kind))
