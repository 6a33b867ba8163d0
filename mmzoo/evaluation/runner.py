"""`evaluate`: run the evaluation of a model's task and write evaluation.json beside the model."""

from __future__ import annotations

import inspect
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError, MmzooError, PluginError, UnknownNameError
from mmzoo.evaluation.judges import judge_label, judge_spec, ready_judge, ready_judges
from mmzoo.model_folder import EVALUATION_NAME, WEIGHTS_NAME, read_record
from mmzoo.registry.specs import ComponentSpec, JudgeSpec
from mmzoo.schema import first_line
from mmzoo.system import cpu_name, sha256_of, write_whole

DIGITS = 4


def evaluate(
    name: str | os.PathLike[str],
    *,
    judge: str | Sequence[str] | None = None,
    data: Sequence[str] = (),
    limit: int | None = None,
    out: str | Path | None = None,
    tables: bool = False,
) -> dict[str, Any]:
    """Evaluate a model with the metric registered for its task.

    Args:
        name: A model's name or folder.
        judge: Judges to use instead of the metric's own: names, or `NAME:ARGUMENT`. A metric without several judges
            takes one. By default those of the metric's own that can be used here.
        data: Datasets to use instead of the metric's own, or of the model's training data; see
            `mmzoo.evaluation.heldout.held_out`.
        limit: The largest number of held-out items to use.
        out: The file to write. By default evaluation.json in the model's folder, with `samples/` beside it, unless
            `data` or `limit` is given, the evaluation is incomplete, or it lacks a judge of the stored report: such a
            result never replaces a fuller one.
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
    asked = (judge,) if isinstance(judge, str) else tuple(judge or ())
    chosen, without = _judges(metric, task, asked)
    if data:
        if "data" not in inspect.signature(metric).parameters:
            raise InputError(f"The evaluation of {task} has fixed data; leave --data out.")
        chosen["data"] = tuple(data)
    folder = Path(model.folder) if model.folder is not None and limit is None and not data else None
    lacking = _lacking(folder, metric, asked, asked or chosen.get("judges", ()))
    start = time.perf_counter()
    kept = stored_tables(folder)
    samples = folder / "samples" if folder is not None and not lacking else None
    results = kept | _measured(spec, metric, model, limit=limit, samples=samples, **chosen)
    if without:
        results["without"] = {**without, **results.get("without", {})}
    options = [*(f"--judge {judge_label(one)}" for one in asked), *(f"--data {one}" for one in data)]
    report = {
        "model": model.name,
        "task": task,
        "command": " ".join([f"mmzoo evaluate {name}", *options, *([f"--limit {limit}"] if limit else [])]),
        "sha256": digests(model),
        **tidy(results),
        "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "seconds": round(time.perf_counter() - start),
    }
    beside = folder / EVALUATION_NAME if folder is not None and not lacking and results.get("complete", True) else None
    target = Path(out) if out is not None else beside
    if target is not None:
        write_whole(target, json.dumps(report, indent=2) + "\n")
    elif lacking:
        report["not_stored"] = f"this evaluation is without {', '.join(lacking)}"
    return report


def _judges(metric: Any, task: str, asked: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments of a metric about its judges, and why some of its own cannot be used.

    A metric has one `judge`, several `judges`, or fixed ones; its defaults are names.
    """
    arguments = inspect.signature(metric).parameters
    for name in asked:
        if not {"judge", "judges"} & arguments.keys():
            raise InputError(f"The evaluation of {task} has a fixed judge, or none; leave --judge out.")
        check_judge(name, task)
    if "judges" in arguments:
        for name in asked:
            ready_judge(name)
        ready, without = (asked, {}) if asked else ready_judges(arguments["judges"].default)
        return {"judges": tuple(ready)}, without
    if len(asked) > 1:
        raise InputError(f"The evaluation of {task} takes one judge, not {len(asked)}; give --judge once.")
    return ({"judge": asked[0]} if asked else {}), {}


def _lacking(folder: Path | None, metric: Any, asked: Sequence[str], used: Sequence[str]) -> list[str]:
    """The judges without which a report must not replace the stored one.

    These are the judges of the stored report. If it names none, they are the metric's own where others are asked for.
    """
    arguments = inspect.signature(metric).parameters
    own = [arguments["judge"].default] if "judge" in arguments else arguments["judges"].default if used else []
    stored = {} if folder is None else read_record(folder / EVALUATION_NAME) or {}
    named = (stored.get("protocol") or {}).get("judges")
    needed = named if isinstance(named, Mapping) else own if asked else []
    return sorted(set(needed) - {judge_label(name) for name in used}) if folder is not None and used else []


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
    if judge_spec(name)[0] not in able:
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
