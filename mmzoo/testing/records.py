"""Records of conformance runs on this machine: written by the kit, read by `mmzoo show`.

A record holds the outcome of every check of every target: `passed`, `failed: why`, `exempt: why`,
`not applicable: why`, `not checked: why` or `not run`. Nothing here imports torch, because listing commands read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import util
from pathlib import Path
from typing import Any

from mmzoo.registry import settings
from mmzoo.registry.names import normalized

KIT_VERSION = "1.0"
NOT_RUN = "not run"
NEUTRAL = ("exempt", "not applicable", "not checked")
"""Outcomes that are neither passed nor failed; listed with the verdict."""
IDENTITY = ("kit", "plugin", "version", "mmzoo", "code")

Results = Mapping[str, Mapping[str, str]]
"""The outcome of each check of each target."""


def _file(distribution: str) -> str:
    return f"conformance/{normalized(distribution)}.json"


def save_record(record: Mapping[str, Any]) -> Path:
    """Write the record of a run to the settings folder.

    A partial run never replaces a complete record of the same versions; it only adds failures to it.

    Args:
        record: The run, from `mmzoo.testing.kit.report`.

    Returns:
        The path of the file.

    Raises:
        UsageError: The file cannot be written.
    """
    file = _file(str(record["plugin"]))
    saved = settings.read(file)
    if not _complete(results_of(record)) and all(saved.get(key) == record.get(key) for key in IDENTITY):
        former = results_of(saved)
        if former.keys() == record["results"].keys() and _complete(former):
            record = {**saved, "results": _with_failures(former, results_of(record))}
    return settings.write(file, dict(record))


def results_of(record: Mapping[str, Any]) -> Results:
    """The results in a record, which may be arbitrary JSON; empty if malformed."""
    results = record.get("results")
    if not isinstance(results, dict) or not all(isinstance(checks, dict) for checks in results.values()):
        return {}
    return {target: {name: str(outcome) for name, outcome in checks.items()} for target, checks in results.items()}


def _complete(results: Results) -> bool:
    return bool(results) and all(outcome != NOT_RUN for checks in results.values() for outcome in checks.values())


def _with_failures(former: Results, later: Results) -> Results:
    return {
        target: {**checks, **{n: outcome for n, outcome in later[target].items() if outcome.startswith("failed")}}
        for target, checks in former.items()
    }


def code_digest(distribution: str) -> str:
    """sha256 of the Python files in a plugin's packages, computed without importing them."""
    from mmzoo.registry.index import catalog

    digest = hashlib.sha256()
    wanted = normalized(distribution)
    targets = {record.target for record in catalog().plugins() if normalized(record.distribution) == wanted}
    for package in sorted({target.partition(".")[0] for target in targets}):
        spec = util.find_spec(package)
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
        if not folders and spec is not None and spec.origin is not None:
            files = [Path(spec.origin)]
        for path in files:
            digest.update(f"{package}/{path.name}".encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def conformity(distribution: str, version: str, target: str) -> str | None:
    """The verdict of the last run on a component or model, including the checks of the package.

    Args:
        distribution: The plugin's distribution name.
        version: Its installed version.
        target: `kind/name` or `model/name`.

    Returns:
        For example `conforms (kit 1.0, 2026-05-01)`, or which checks failed, how many were run, or that the code has
        changed since. None if this version was never checked.
    """
    record = settings.read(_file(distribution))
    results = results_of(record)
    if record.get("version") != version or not results.get(target):
        return None
    when = f"kit {record.get('kit')}, {record.get('date')}"
    if "code" in record and record["code"] != code_digest(distribution):
        return f"not tried since its code was changed ({when})"
    outcomes = {
        **results[target],
        **{f"plugin {name}": outcome for name, outcome in results.get("plugin", {}).items()},
    }
    if failed := [name for name, outcome in outcomes.items() if outcome.startswith("failed")]:
        return f"does not conform: {', '.join(failed)} ({when})"
    if not results.get("plugin"):
        return f"incomplete (the checks of the package were not run; {when})"
    done = [outcome for outcome in outcomes.values() if outcome == "passed" or outcome.startswith(NEUTRAL)]
    if len(done) < len(outcomes):
        return f"incomplete ({len(done)} of {len(outcomes)} checks; {when})"
    neutral = [
        f"{kind} {', '.join(names)}"
        for kind in NEUTRAL
        if (names := [name for name, outcome in outcomes.items() if outcome.startswith(kind)])
    ]
    return "; ".join([f"conforms ({when})", *neutral])
