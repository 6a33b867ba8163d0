"""What the conformance kit found of a plugin the last time it was run on this machine.

A record tells of every check of every subject what became of it: `passed`, `failed: why`, `exempt: why`,
`not applicable: why`, `not checked: why`, or `not run`, which a run of all checks leaves nowhere.
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
TOLD = ("exempt", "not applicable", "not checked")
"""Outcomes that are neither passed nor failed, and are told beside the verdict."""
IDENTITY = ("kit", "plugin", "version", "mmzoo", "code")

Results = Mapping[str, Mapping[str, str]]
"""What became of each check of each subject."""


def _file(distribution: str) -> str:
    return f"conformance/{normalized(distribution)}.json"


def save_record(record: Mapping[str, Any]) -> Path:
    """Keep the record of a run. Raises UsageError where that fails.

    A whole record of the same versions outlives a run of only some checks: of that, it takes over what failed.
    """
    file = _file(str(record["plugin"]))
    kept = settings.read(file)
    if not _whole(results_of(record)) and all(kept.get(key) == record.get(key) for key in IDENTITY):
        former = results_of(kept)
        if former.keys() == record["results"].keys() and _whole(former):
            record = {**kept, "results": _with_failures(former, results_of(record))}
    return settings.write(file, dict(record))


def results_of(record: Mapping[str, Any]) -> Results:
    """The results in a record, which may be any JSON; none if they are not what they should be."""
    found = record.get("results")
    if not isinstance(found, dict) or not all(isinstance(checks, dict) for checks in found.values()):
        return {}
    return {subject: {name: str(told) for name, told in checks.items()} for subject, checks in found.items()}


def _whole(results: Results) -> bool:
    return bool(results) and all(told != NOT_RUN for checks in results.values() for told in checks.values())


def _with_failures(former: Results, later: Results) -> Results:
    return {
        subject: checks | {n: told for n, told in later[subject].items() if told.startswith("failed")}
        for subject, checks in ((subject, dict(checks)) for subject, checks in former.items())
    }


def code_digest(distribution: str) -> str:
    """sha256 of the Python files of a plugin's packages, none of which is imported; by it an edit is noticed."""
    from mmzoo.registry.index import catalog

    found = hashlib.sha256()
    wanted = normalized(distribution)
    targets = {record.target for record in catalog().plugins() if normalized(record.distribution) == wanted}
    for package in sorted({target.partition(".")[0] for target in targets}):
        spec = util.find_spec(package)
        folders = list(spec.submodule_search_locations or ()) if spec is not None else []
        files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
        if not folders and spec is not None and spec.origin is not None:
            files = [Path(spec.origin)]
        for path in files:
            found.update(f"{package}/{path.name}".encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def conformity(distribution: str, version: str, subject: str) -> str | None:
    """`conforms (kit 1.0, 2026-05-01)`, what failed, how much was tried, that the code is another one since, or None if
    this version was not tried.

    subject: `kind/name` or `model/name`. What holds for the whole plugin counts too.
    """
    record = settings.read(_file(distribution))
    results = results_of(record)
    if record.get("version") != version or not results.get(subject):
        return None
    if "code" in record and record["code"] != code_digest(distribution):
        return f"not tried since its code was changed (kit {record.get('kit')}, {record.get('date')})"
    outcomes = {**results[subject], **{f"plugin {name}": told for name, told in results.get("plugin", {}).items()}}
    when = f"kit {record.get('kit')}, {record.get('date')}"
    if failed := [name for name, told in outcomes.items() if told.startswith("failed")]:
        return f"does not conform: {', '.join(failed)} ({when})"
    known = [told for told in outcomes.values() if told == "passed" or told.startswith(TOLD)]
    if not results.get("plugin"):
        return f"incomplete (the checks of the whole plugin were not run; {when})"
    if len(known) < len(outcomes):
        return f"incomplete ({len(known)} of {len(outcomes)} checks; {when})"
    told = [
        f"{how} {', '.join(names)}"
        for how in TOLD
        if (names := [name for name, outcome in outcomes.items() if outcome.startswith(how)])
    ]
    return "; ".join([f"conforms ({when})", *told])
