"""A cache of study results: cells of a table as JSON, tensors as safetensors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from studies.recognition.training import BATCH, RATE

VERSION = 1
"""Part of every cell's settings; increase it when the meaning of a cell changes, to recompute all cells."""


def cell(settings: Mapping[str, Any], folder: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """One cell of a table, read from its file or else computed and stored.

    Args:
        settings: Identify the cell, as JSON values; the file name is a hash of them.
        folder: Where cells are kept.
        make: Computes the result, as JSON values.
    """
    settings = {**settings, "version": VERSION, "batch": BATCH, "rate": RATE}
    digest = blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()
    path = folder / f"{digest}.json"
    if path.is_file():
        return dict(json.loads(path.read_text("utf-8"))["result"])
    result = make()
    text = json.dumps({**settings, "result": result}, indent=1)
    _whole(path, lambda staged: staged.write_text(text, encoding="utf-8"))
    return result


def tensors(path: Path, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, sorted by name; if it does not exist, they are computed and stored."""
    if not path.exists():
        made = {name: tensor.contiguous() for name, tensor in make().items()}
        _whole(path, lambda staged: save_file(made, staged))
    return dict(sorted(load_file(path).items()))


def _whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary file first, so that a partial file never appears under the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{os.getpid()}.partial")
    write(staged)
    staged.replace(path)
