"""`evaluate`: run the protocol of a model's task and write evaluation.json beside the model."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import UnknownNameError

DIGITS = 4


def evaluate(name: str, *, limit: int | None = None, out: str | Path | None = None) -> dict[str, Any]:
    """Evaluate a model by name or `local-dir:folder`.

    limit: use only so many held-out sentences. out: where evaluation.json goes; by default the model's own
    folder, beside `samples/`, unless `limit` is given (a partial result is never published by accident).
    """
    import torch

    from mmzoo.factory import create
    from mmzoo.registry import catalog, load_target

    if "/" in name and not name.startswith(("local-dir:", "hf-hub:")) and Path(name).is_dir():
        name = f"local-dir:{name}"
    model = create(name)
    task = str(catalog().model(model.name).task)
    try:
        metric: Any = load_target(catalog().component("metric", task))
    except UnknownNameError as error:
        raise UnknownNameError(f"No plugin registers a metric for the task {task!r} of {name}.", name=task) from error
    folder = Path(model.folder) if model.folder is not None and limit is None else None
    start = time.perf_counter()
    results = metric(model, limit=limit, samples=folder / "samples" if folder is not None else None)
    report = {
        "model": model.name,
        "task": task,
        "command": f"mmzoo evaluate {model.name}" + (f" --limit {limit}" if limit else ""),
        **tidy(results),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "seconds": round(time.perf_counter() - start),
    }
    target = Path(out) if out is not None else folder / "evaluation.json" if folder is not None else None
    if target is not None:
        staged = target.with_suffix(".partial")
        staged.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        staged.replace(target)
    return report


def tidy(value: Any) -> Any:
    """The same nested value with floats rounded to four digits after the point."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value


def cpu_name() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def flatten(report: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted name, value) of every number of a report, in its order."""
    found: list[tuple[str, Any]] = []
    for key, value in report.items():
        if isinstance(value, Mapping):
            found += flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((prefix + key, value))
    return found
