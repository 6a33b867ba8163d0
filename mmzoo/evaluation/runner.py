"""`evaluate`: run the protocol of a model's task and write evaluation.json beside the model."""

from __future__ import annotations

import inspect
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError, UnknownNameError
from mmzoo.hub.sources import WEIGHTS_NAME, sha256_of
from mmzoo.registry.specs import JudgeSpec

DIGITS = 4


def evaluate(
    name: str,
    *,
    judge: str | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    tables: bool = False,
) -> dict[str, Any]:
    """Evaluate a model with the metric that is registered under its task.

    Args:
        name: A model's name, or `local-dir:folder`.
        judge: Another judge than the metric's own.
        limit: How many held-out items to use, at most.
        out: Where the report goes. By default evaluation.json in the model's folder, beside `samples/`, unless `judge`
            or `limit` is given or the protocol could not be run whole: such a result never replaces a full one.
        tables: Also fill the task's tables, which compare kinds of models and train each for it, cell by cell. A report
            without them keeps those that were filled before.

    Returns:
        The report: the metric's figures, what was judged, the command, and the machine.

    Raises:
        InputError: A bad limit, or a report that cannot be written; before anything is run. Also an option that the
            task's metric does not take.
        MissingDependencyError: A package is not installed that the metric or its judge requires.
    """
    import torch

    from mmzoo.composition import read_config
    from mmzoo.factory import create
    from mmzoo.registry import catalog, load_target
    from mmzoo.registry.targets import check_requirements

    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1, not {limit}; leave it out to use every held-out sentence.")
    if out is not None and (Path(out).is_dir() or not os.access(Path(out).resolve().parent, os.W_OK)):
        raise InputError(f"The report cannot be written to {out}; name a file in a folder that exists and is writable.")
    typed = name
    if "/" in name and not name.startswith(("local-dir:", "hf-hub:")) and Path(name).is_dir():
        name = f"local-dir:{name}"
    model = create(name)
    task = read_config(model.folder).task if model.folder is not None else catalog().model(model.name).task
    try:
        spec = catalog().component("metric", task)
    except UnknownNameError as error:
        raise UnknownNameError(f"No plugin registers a metric for the task {task!r} of {name}.", name=task) from error
    check_requirements(spec)
    metric: Any = load_target(spec)
    more = {**({"tables": True} if tables else {}), **({"judge": judge} if judge else {})}
    for option in more.keys() - inspect.signature(metric).parameters.keys():
        why = {"tables": "has no tables to fill", "judge": "has its judges fixed, or needs none"}[option]
        raise InputError(f"The evaluation of {task} {why}; leave --{option} out.")
    if judge is not None:
        check_judge(judge, task)
    folder = Path(model.folder) if model.folder is not None and limit is None and judge is None else None
    start = time.perf_counter()
    results = metric(model, limit=limit, samples=folder / "samples" if folder is not None else None, **more)
    if folder is not None and (folder / "evaluation.json").is_file():
        before = json.loads((folder / "evaluation.json").read_text("utf-8"))
        results = {key: before[key] for key in ("tables",) if key in before} | results
    report = {
        "model": model.name,
        "task": task,
        "command": f"mmzoo evaluate {typed}"
        + (f" --judge {judge}" if judge else "")
        + (f" --limit {limit}" if limit else ""),
        "sha256": digests(model),
        **tidy(results),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "seconds": round(time.perf_counter() - start),
    }
    beside = folder / "evaluation.json" if folder is not None and results.get("complete", True) else None
    target = Path(out) if out is not None else beside
    if target is not None:
        staged = target.with_suffix(".partial")
        staged.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        staged.replace(target)
    return report


def check_judge(name: str, task: str) -> None:
    """Raise InputError unless this judge can judge models of the task; what the registry raises of names."""
    from mmzoo.registry import catalog

    known = catalog()
    able = [spec for spec in known.components("judge") if isinstance(spec, JudgeSpec) and task in spec.tasks]
    if known.component("judge", name) not in able:
        raise InputError(
            f"The judge {name!r} cannot judge {task}; choose one of: {', '.join(map(known.written, able)) or 'none'}."
        )


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
