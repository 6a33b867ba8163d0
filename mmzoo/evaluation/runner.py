"""`evaluate`: run the protocol of a model's task and write evaluation.json beside the model."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError, MissingDependencyError, UnknownNameError
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.system import cpu_name, sha256_of, write_whole

DIGITS = 4
PACKAGES = ("pocketsphinx", "pystoi", "matplotlib")


def evaluate(
    name: str, *, limit: int | None = None, out: str | Path | None = None, tables: bool = False
) -> dict[str, Any]:
    """Evaluate a model by name or `local-dir:folder`.

    limit: use only so many held-out sentences. out: where evaluation.json goes; by default the model's own folder,
    beside `samples/`, unless `limit` is given or the protocol could not be run whole: a partial result never takes the
    place of a full one; tables of studies in the former report are kept. tables: run nothing, and return only those
    tables. Raises InputError for a bad limit or out, before anything is run, and for tables where there are none.
    """
    import torch

    from mmzoo.composition import read_config
    from mmzoo.factory import create
    from mmzoo.registry import catalog, load_target

    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1, not {limit}; leave it out to use every held-out sentence.")
    if out is not None and (Path(out).is_dir() or not os.access(Path(out).resolve().parent, os.W_OK)):
        raise InputError(f"The report cannot be written to {out}; name a file in a folder that exists and is writable.")
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f"Evaluating needs {', '.join(missing)}, which is not installed; run: pip install 'mmzoo[evaluation]'"
        )
    typed = name
    if "/" in name and not name.startswith(("local-dir:", "hf-hub:")) and Path(name).is_dir():
        name = f"local-dir:{name}"
    model = create(name)
    if tables:
        if not (stored := stored_tables(model.folder)):
            raise InputError(f"No tables of studies are stored with {typed}; leave --tables out.")
        return {"model": model.name} | stored
    task = read_config(model.folder).task if model.folder is not None else catalog().model(model.name).task
    try:
        metric: Any = load_target(catalog().component("metric", task))
    except UnknownNameError as error:
        raise UnknownNameError(f"No plugin registers a metric for the task {task!r} of {name}.", name=task) from error
    folder = Path(model.folder) if model.folder is not None and limit is None else None
    start = time.perf_counter()
    results = metric(model, limit=limit, samples=folder / "samples" if folder is not None else None)
    results = stored_tables(folder) | results
    report = {
        "model": model.name,
        "task": task,
        "command": f"mmzoo evaluate {typed}" + (f" --limit {limit}" if limit else ""),
        "sha256": digests(model),
        **tidy(results),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "seconds": round(time.perf_counter() - start),
    }
    beside = folder / "evaluation.json" if folder is not None and results.get("complete", True) else None
    target = Path(out) if out is not None else beside
    if target is not None:
        write_whole(target, json.dumps(report, indent=2) + "\n")
    return report


def stored_tables(folder: str | Path | None) -> dict[str, Any]:
    """`{"tables": ...}` of the evaluation.json in a model's folder; empty where it has none."""
    path = None if folder is None else Path(folder) / "evaluation.json"
    if path is None or not path.is_file():
        return {}
    return {key: value for key, value in json.loads(path.read_text("utf-8")).items() if key == "tables"}


def digests(model: Any) -> dict[str, str]:
    """sha256 of the weights that were judged: the model's own as `model`, and those of the models in its slots."""
    found = {} if model.folder is None else {"model": sha256_of(Path(model.folder) / WEIGHTS_NAME)}
    slots = {slot: getattr(model, slot) for slot, of in type(model).slots.items() if of.model}
    return found | {
        slot: sha256_of(Path(part.folder) / WEIGHTS_NAME)
        for slot, part in slots.items()
        if part is not None and part.folder is not None
    }


def tidy(value: Any) -> Any:
    """The same nested value with floats rounded to four digits after the point."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value


def flatten(report: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted name, value) of every number of a report, in its order."""
    found: list[tuple[str, Any]] = []
    for key, value in report.items():
        if isinstance(value, Mapping):
            found += flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((prefix + key, value))
    return found
