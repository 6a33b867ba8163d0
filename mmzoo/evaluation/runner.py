"""`evaluate`: run the evaluation of a model's task and write evaluation.json beside the model."""

from __future__ import annotations

import inspect
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError, MmzooError, PluginError, UnknownNameError
from mmzoo.model_folder import EVALUATION_NAME, WEIGHTS_NAME, read_record
from mmzoo.registry.specs import ComponentSpec, JudgeSpec
from mmzoo.schema import first_line
from mmzoo.system import cpu_name, sha256_of, write_whole

DIGITS = 4


def evaluate(
    name: str | os.PathLike[str],
    *,
    judge: str | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    tables: bool = False,
) -> dict[str, Any]:
    """Evaluate a model with the metric registered for its task.

    Args:
        name: A model's name or folder.
        judge: A judge to use instead of the metric's own.
        limit: The largest number of held-out items to use.
        out: The file to write. By default evaluation.json in the model's folder, with `samples/` beside it, unless
            `judge` or `limit` is given or the evaluation is incomplete: such a result never replaces a full one.
        tables: Run nothing, and return only the tables of studies stored in the previous report; new reports keep
            them.

    Returns:
        The report: the metric's figures, the hashes of the weights, the command, and the machine.

    Raises:
        InputError: The limit is below 1, the report cannot be written, or the metric does not take an option;
            nothing has been run.
        MissingDependencyError: A package that the metric or its judge requires is not installed.
    """
    import torch

    from mmzoo.factory import create
    from mmzoo.registry import catalog, load_target
    from mmzoo.registry.targets import check_requirements

    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1, not {limit}; leave it out to use every held-out item.")
    if out is not None and (Path(out).is_dir() or not os.access(Path(out).resolve().parent, os.W_OK)):
        raise InputError(f"The report cannot be written to {out}; name a file in a folder that exists and is writable.")
    model = create(name)
    if tables:
        if not (stored := stored_tables(model.folder)):
            raise InputError(f"No tables of studies are stored with {name}; leave --tables out.")
        return {"model": model.name} | stored
    task = model.tree.config.task
    try:
        spec = catalog().component("metric", task)
    except UnknownNameError as error:
        raise UnknownNameError(f"No plugin registers a metric for the task {task!r} of {name}.", name=task) from error
    check_requirements(spec)
    metric: Any = load_target(spec)
    if judge is not None:
        if "judge" not in inspect.signature(metric).parameters:
            raise InputError(f"The evaluation of {task} has a fixed judge, or none; leave --judge out.")
        check_judge(judge, task)
    chosen = {} if judge is None else {"judge": judge}
    folder = Path(model.folder) if model.folder is not None and limit is None and judge is None else None
    start = time.perf_counter()
    kept = stored_tables(folder)
    samples = folder / "samples" if folder is not None else None
    results = kept | _measured(spec, metric, model, limit=limit, samples=samples, **chosen)
    report = {
        "model": model.name,
        "task": task,
        "command": f"mmzoo evaluate {name}"
        + (f" --judge {judge}" if judge else "")
        + (f" --limit {limit}" if limit else ""),
        "sha256": digests(model),
        **tidy(results),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "seconds": round(time.perf_counter() - start),
    }
    beside = folder / EVALUATION_NAME if folder is not None and results.get("complete", True) else None
    target = Path(out) if out is not None else beside
    if target is not None:
        write_whole(target, json.dumps(report, indent=2) + "\n")
    return report


def _measured(spec: ComponentSpec, metric: Any, model: Any, **options: Any) -> dict[str, Any]:
    """What a metric returns. Raises PluginError, naming it, for what it raises itself."""
    try:
        return dict(metric(model, **options))
    except MmzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"The metric {spec.name!r} of the plugin {spec.plugin} failed ({first_line(error)}); --debug shows where.",
            plugin=spec.plugin,
        ) from error


def stored_tables(folder: str | Path | None) -> dict[str, Any]:
    """`{"tables": ...}` from the evaluation.json in a model's folder, or an empty mapping."""
    record = None if folder is None else read_record(Path(folder) / EVALUATION_NAME)
    return {key: value for key, value in (record or {}).items() if key == "tables"}


def check_judge(name: str, task: str) -> None:
    """Raise InputError unless this judge can judge the task, and UnknownNameError if it does not exist."""
    from mmzoo.registry import catalog

    known = catalog()
    able = [spec for spec in known.components("judge") if isinstance(spec, JudgeSpec) and task in spec.tasks]
    if known.component("judge", name) not in able:
        raise InputError(
            f"The judge {name!r} cannot judge {task}; choose one of: {', '.join(map(known.written, able)) or 'none'}."
        )


def digests(model: Any) -> dict[str, str]:
    """sha256 of the weights that were judged: the model's own as `model`, and those of the models in its slots."""
    from mmzoo.composition import submodels

    models = {"model": model, **submodels(model)}
    return {slot: sha256_of(Path(of.folder) / WEIGHTS_NAME) for slot, of in models.items() if of.folder is not None}


def tidy(value: Any) -> Any:
    """A nested value as JSON keeps it: floats rounded to four decimals, None for those that are not finite."""
    if hasattr(value, "tolist"):  # an array or a tensor
        value = value.tolist()
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
