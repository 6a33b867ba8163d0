"""All checks of a plugin as cases that run one by one, and the record of a run."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmzoo.registry import PluginRecord, catalog
from mmzoo.registry.plugins import named
from mmzoo.testing.common import run_check
from mmzoo.testing.records import KIT_VERSION, NOT_RUN, code_digest

SEVERITY = ("passed", "exempt", "not applicable", "not checked", NOT_RUN, "failed")


@dataclass(frozen=True, slots=True)
class Case:
    """One check of one target.

    Args:
        target: `plugin`, `kind/name` or `model/name`.
        trial: Index of the trial config.
        check: Name of the check.
        run: Runs it.
        exempt: The reason for skipping it, or None to run it.
    """

    target: str
    trial: int
    check: str
    run: Callable[[], None]
    exempt: str | None = None

    @property
    def title(self) -> str:
        """For example `quantizer/fsq[1] masks` for the second trial."""
        return f"{self.target}{f'[{self.trial}]' if self.trial else ''} {self.check}"


def find_plugins(name: str) -> list[PluginRecord]:
    """The records of an installed distribution, by its name or by an entry point's. Raises UnknownNameError."""
    return named(catalog().plugins(), name)


def cases(name: str) -> list[Case]:
    """Every check of a plugin and of all its components and models. Raises UnknownNameError.

    Nothing in the plugin is imported, built or looked up here, so anything broken becomes a failed check.
    """
    from mmzoo.testing.any_kind import checks_of
    from mmzoo.testing.models import ModelTrial
    from mmzoo.testing.package import PackageTrial

    records, known = find_plugins(name), catalog()
    all_cases: list[Case] = []
    for index, record in enumerate(records):
        package = PackageTrial(record)
        all_cases += _cases("plugin", index, package.label, package.checks(), {})
    for spec in known.components():
        if spec.plugin != records[0].distribution:
            continue
        for index, trial in enumerate(spec.trials):
            config: dict[str, Any] = dict(trial)
            details: dict[str, Any] = {}
            if spec.kind == "head":
                details = {"slots": config.pop("slots", {}), "rows": config.pop("rows", True)}
            label, checks = checks_of(spec.kind, known.written(spec), config, **details)
            all_cases += _cases(f"{spec.kind}/{spec.name}", index, label, checks, spec.exempt)
    for model in known.models():
        if model.plugin == records[0].distribution:
            model_trial = ModelTrial(model)
            all_cases += _cases(f"model/{model.name}", 0, model_trial.label, model_trial.checks(), {})
    return all_cases


def _cases(
    target: str, trial: int, label: str, checks: Mapping[str, Callable[[], None]], exempt: Mapping[str, str]
) -> Iterable[Case]:
    for name, check in checks.items():
        yield Case(target, trial, name, partial(run_check, label, name, check), exempt.get(name))


def report(name: str, results: Iterable[tuple[str, int, str, str]]) -> dict[str, Any]:
    """The record of a run: kit version, date, plugin version, and the outcome of each check of every target.

    Args:
        name: The plugin.
        results: (target, trial, check, outcome); `mmzoo.testing.records` lists the outcomes. A check without a result
            counts as not run. Where there are several trials, the worst outcome counts.
    """
    import mmzoo

    record = find_plugins(name)[0]
    outcomes = {(case.target, case.trial, case.check): NOT_RUN for case in cases(name)}
    outcomes |= {(target, trial, check): outcome for target, trial, check, outcome in results}
    targets: dict[str, dict[str, str]] = {}
    for (target, _, check), outcome in outcomes.items():
        checks = targets.setdefault(target, {})
        checks[check] = max(checks.get(check, "passed"), outcome, key=_severity)
    return {
        "kit": KIT_VERSION,
        "date": datetime.date.today().isoformat(),
        "plugin": record.distribution,
        "version": record.version,
        "mmzoo": mmzoo.__version__,
        "code": code_digest(record.distribution),
        "results": targets,
    }


def _severity(outcome: str) -> int:
    return next(rank for rank, kind in enumerate(SEVERITY) if outcome.startswith(kind))
