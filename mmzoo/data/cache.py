"""Where built datasets and computed features are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The folder named by the environment variable MMZOO_CACHE, else `~/.cache/mmzoo`; made by whoever writes."""
    chosen = os.environ.get("MMZOO_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "mmzoo"
