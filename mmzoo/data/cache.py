"""The folder for built datasets and computed features."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The folder that MMZOO_CACHE names, by default `~/.cache/mmzoo`; whoever writes to it creates it."""
    chosen = os.environ.get("MMZOO_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "mmzoo"
