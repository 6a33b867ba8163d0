"""All checks of a plugin as cases that can be run one by one, and what became of them as a record."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmzoo.errors import UnknownNameError
from mmzoo.registry import PluginRecord, catalog
from mmzoo.registry.conformance import KIT_VERSION, save_record
from mmzoo.registry.names import did_you_mean, normalized, suggestions
from mmzoo.testing.common import perform

EXEMPTIBLE = ("export", "compile", "inductor", "bf16", "float16")
"""What a component may declare that it cannot do; the rest is the contract."""


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


def find_plugin(name: str) -> PluginRecord:
    """The record of an installed plugin by distribution or entry point. Raises UnknownNameError."""
    records = catalog().plugins()
    for record in records:
        if normalized(name) in (normalized(record.distribution), normalized(record.name)):
            return record
    close = suggestions(name, [known for record in records for known in (record.distribution, record.name)])
    told = did_you_mean(close) or "`mmzoo plugins` lists those that are."
    raise UnknownNameError(f"No plugin {name[:80]!r} is installed; {told}", name=name, suggestions=close)


def cases(name: str) -> list[Case]:
    """Every check of the plugin of this name, of all its components and models. Raises UnknownNameError."""
    from mmzoo.testing.any_kind import checks_of
    from mmzoo.testing.models import ModelTrial
    from mmzoo.testing.package import PackageTrial
    from mmzoo.testing.rows import sample_rows

    record, known = find_plugin(name), catalog()
    package = PackageTrial(record)
    found = list(_cases("plugin", 0, package.label, package.checks(), {}))
    for spec in known.components():
        if spec.plugin != record.distribution:
            continue
        subject, written = f"{spec.kind}/{spec.name}", known.written(spec)
        for index, config in enumerate(spec.trials):
            details: dict[str, Any] = {}
            if spec.kind == "head":
                config = dict(config)
                details["slots"] = config.pop("slots", {})
                details["rows"] = sample_rows() if config.pop("rows", True) else None
            label, checks = checks_of(spec.kind, written, config, **details)
            found += _cases(subject, index, label, checks, spec.exempt)
    for model in known.models():
        if model.plugin == record.distribution:
            trial = ModelTrial(model)
            found += _cases(f"model/{model.name}", 0, trial.label, trial.checks(), {})
    return found


def _cases(
    subject: str, trial: int, label: str, checks: Mapping[str, Callable[[], None]], exempt: Mapping[str, str]
) -> Iterable[Case]:
    for name, check in checks.items():
        reason = exempt.get(name) if name in EXEMPTIBLE else None
        yield Case(subject, trial, name, _performed(label, name, check), reason)


def _performed(label: str, name: str, check: Callable[[], None]) -> Callable[[], None]:
    return lambda: perform(label, name, check)


def report(name: str, results: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """A record of a run: which kit, when, of which version, and for every subject what became of each check.

    results: (subject, check, outcome), where an outcome is `passed`, `failed: why` or `exempt: why`; of several
    trials the worst counts.
    """
    import mmzoo

    record = find_plugin(name)
    subjects: dict[str, dict[str, str]] = {}
    for subject, check, outcome in results:
        before = subjects.setdefault(subject, {}).get(check, "")
        if not before.startswith("failed"):
            subjects[subject][check] = outcome
    return {
        "kit": KIT_VERSION,
        "date": datetime.date.today().isoformat(),
        "plugin": record.distribution,
        "version": record.version,
        "mmzoo": mmzoo.__version__,
        "results": subjects,
    }


def keep(record: Mapping[str, Any]) -> Path:
    """Keep a record where `mmzoo show` finds it."""
    return save_record(record)
