"""What the conformance kit found of a plugin the last time it was run on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.registry import settings
from mmzoo.registry.names import normalized

KIT_VERSION = "1.0"


def _file(distribution: str) -> str:
    return f"conformance/{normalized(distribution)}.json"


def save_record(record: Mapping[str, Any]) -> Path:
    """Keep the record of a run. Raises UsageError where that fails."""
    return settings.write(_file(str(record["plugin"])), dict(record))


def conformity(distribution: str, version: str, subject: str) -> str | None:
    """`conforms (kit 1.0, 2026-05-01)`, what failed, or None if this version was not tried.

    subject: `kind/name` or `model/name`.
    """
    record = settings.read(_file(distribution))
    results = record.get("results")
    checks = results.get(subject) if isinstance(results, dict) else None
    if record.get("version") != version or not isinstance(checks, dict) or not checks:
        return None
    when = f"(kit {record.get('kit')}, {record.get('date')})"
    failed = [name for name, outcome in checks.items() if str(outcome).startswith("failed")]
    exempt = [name for name, outcome in checks.items() if str(outcome).startswith("exempt")]
    if failed:
        return f"does not conform: {', '.join(failed)} {when}"
    return f"conforms {when}" + (f", exempt from {', '.join(exempt)}" if exempt else "")
