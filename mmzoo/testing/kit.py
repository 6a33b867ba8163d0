"""All checks of a plugin as cases that run one by one, and the record of a run."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmzoo.registry import catalog
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


def cases(name: str) -> list[Case]:
    """Every check of a plugin and of all its components and models. Raises UnknownNameError.

    Nothing in the plugin is imported, built or looked up here, so anything broken becomes a failed check.

    Args:
        name: The name of an installed distribution or of its entry point.
    """
    from mmzoo.testing.models import ModelTrial
    from mmzoo.testing.package import PackageTrial

    known = catalog()
    records = named(known.plugins(), name)
    distribution = records[0].distribution
    trials: list[tuple[str, int, Any, Mapping[str, str]]] = [
        ("plugin", index, PackageTrial(record), {}) for index, record in enumerate(records)
    ]
    for spec in known.components():
        if spec.plugin == distribution:
            for index, config in enumerate(spec.trials):
                trial = _component_trial(spec.kind, known.written(spec), config)
                trials.append((f"{spec.kind}/{spec.name}", index, trial, spec.exempt))
    trials += [
        (f"model/{spec.name}", 0, ModelTrial(spec), {}) for spec in known.models() if spec.plugin == distribution
    ]
    return [
        Case(target, index, check, partial(run_check, trial.label, check, run), exempt.get(check))
        for target, index, trial, exempt in trials
        for check, run in trial.checks().items()
    ]


def _component_trial(kind: str, name: str, config: Mapping[str, Any]) -> Any:
    """A component under a registered trial, which holds the slots and rows of a head beside its config."""
    from mmzoo.testing.any_kind import trial_of

    if kind != "head":
        return trial_of(kind, name, config)
    own = {key: value for key, value in config.items() if key not in ("slots", "rows")}
    return trial_of(kind, name, own, slots=config.get("slots"), rows=config.get("rows", True))


def report(name: str, results: Iterable[tuple[str, int, str, str]]) -> dict[str, Any]:
    """The record of a run: kit version, date, plugin version, and the outcome of each check of every target.

    Args:
        name: The plugin.
        results: (target, trial, check, outcome); `mmzoo.testing.records` lists the outcomes. A check without a result
            counts as not run. Where there are several trials, the worst outcome counts.
    """
    import mmzoo

    record = named(catalog().plugins(), name)[0]
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
