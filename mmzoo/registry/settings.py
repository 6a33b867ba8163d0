"""Settings on disk: which plugins are switched off, and the results of the conformance kit.

They are in one folder, MMZOO_HOME or `~/.config/mmzoo`. An unreadable file is treated as empty, so that listing always
works; `mmzoo doctor` reports it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmzoo.errors import UsageError
from mmzoo.registry.names import normalized
from mmzoo.system import write_whole

HOME = "MMZOO_HOME"
SWITCHED_OFF = "plugins.json"


def home() -> Path:
    """The settings folder, which may not exist; without a home folder, a path that cannot exist."""
    chosen = os.environ.get(HOME)
    try:
        return Path(chosen).expanduser() if chosen else Path.home() / ".config" / "mmzoo"
    except RuntimeError:  # no home folder, or no user of that name in ~name
        return Path(os.devnull) / "mmzoo"


def read(name: str) -> dict[str, Any]:
    """The JSON object in a file of the folder; empty if the file is missing or unreadable."""
    return _object(home() / name) or {}


def _object(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def unreadable() -> list[Path]:
    """Existing files of the folder that do not hold a JSON object."""
    files = [home() / SWITCHED_OFF, *sorted((home() / "conformance").glob("*.json"))]
    return [path for path in files if path.is_file() and _object(path) is None]


def write(name: str, content: dict[str, Any]) -> Path:
    """Write a JSON object to a file of the folder, atomically. Raises UsageError on failure."""
    path = home() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror or error}); set {HOME} to a writable folder."
        ) from error
    return path


def switched_off() -> frozenset[str]:
    """Normalized names of the distributions that `mmzoo plugins disable` switched off."""
    names = read(SWITCHED_OFF).get("disabled")
    return frozenset(normalized(name) for name in (names if isinstance(names, list) else ()) if isinstance(name, str))


def switch_off(distributions: Iterable[str]) -> Path:
    """Replace the list of distributions that are switched off."""
    return write(SWITCHED_OFF, {"disabled": sorted({normalized(name) for name in distributions})})
