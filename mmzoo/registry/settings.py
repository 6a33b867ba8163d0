"""What mmzoo keeps between runs: which plugins are switched off, and what the conformance kit found.

Everything lies in one folder, `~/.config/mmzoo` or what MMZOO_HOME names. A file that cannot be read counts as empty,
because listing must work whatever lies there; `mmzoo doctor` tells of it.
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
    """The folder of settings; it need not be there, and where nobody has a home it cannot be."""
    chosen = os.environ.get(HOME)
    try:
        return Path(chosen).expanduser() if chosen else Path.home() / ".config" / "mmzoo"
    except RuntimeError:  # no home folder, or none of the user that ~name names
        return Path(os.devnull) / "mmzoo"


def read(name: str) -> dict[str, Any]:
    """The JSON object in a file of the folder; an empty one if there is none or it cannot be read."""
    return _object(home() / name) or {}


def _object(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def unreadable() -> list[Path]:
    """Files of the folder that are there and hold no JSON object."""
    files = [home() / SWITCHED_OFF, *sorted((home() / "conformance").glob("*.json"))]
    return [path for path in files if path.is_file() and _object(path) is None]


def write(name: str, content: dict[str, Any]) -> Path:
    """Write a JSON object to a file of the folder, whole or not at all. Raises UsageError where that fails."""
    path = home() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror or error}); set {HOME} to a folder that can."
        ) from error
    return path


def switched_off() -> frozenset[str]:
    """Normalised names of the distributions that `mmzoo plugins disable` switched off."""
    names = read(SWITCHED_OFF).get("disabled")
    return (
        frozenset(normalized(name) for name in names if isinstance(name, str))
        if isinstance(names, list)
        else frozenset()
    )


def switch_off(distributions: Iterable[str]) -> Path:
    """Keep this as the whole list of distributions that are switched off."""
    return write(SWITCHED_OFF, {"disabled": sorted({normalized(name) for name in distributions})})
