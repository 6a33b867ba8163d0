"""A recipe for training a model further on other data, derived from how it was trained."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import DataGuess, load_dataset_for
from mmzoo.data.guessing import named, required_arguments
from mmzoo.errors import ConfigError
from mmzoo.factory import create
from mmzoo.hub.published import find_model, model_name
from mmzoo.interfaces import Adaptable
from mmzoo.training.api import rows_of
from mmzoo.training.recipe import DataConfig, apply_override, load_recipe
from mmzoo.training.start import Start, all_rows
from mmzoo.training.step import trainable

if TYPE_CHECKING:
    from mmzoo.interfaces import TaskHead

LR_FRACTION = 0.3
"""The learning rate as a fraction of the one that the model was trained with."""
EPOCHS = 20
FEWEST_STEPS, MOST_STEPS = 200, 2000
BATCH, DEFAULT_LR = 16, 1e-3
"""For a model without a training record."""
KEPT = ("batch_size", "batch_frames", "bucket", "balance", "precision", "ema")
"""Keys that are taken from the recipe that the model was trained with."""


def derived_recipe(start: str, data: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """A recipe that fine-tunes a model.

    The batches, the optimizer and the adversary are those of the model's stored training record; the learning rate is
    lower, and the number of steps follows the number of rows. A head that is `Adaptable` says what has to change for
    other classes, voices or words.

    Args:
        start: A model's name or folder.
        data: A file or folder, the name of a registered dataset, or `name:value` for one that requires one argument,
            such as `hub:org/name`.
        overrides: Changes to the recipe, as `a.b=c` strings. Those of the data, the batches and the number of steps
            change what else is derived; the caller applies all of them.

    Returns:
        The recipe.

    Raises:
        UsageError, WeightsError: There is no such model, or it cannot be used.
        DataError: The data cannot be read, or the model cannot be trained on it.
        TrainingError: The model cannot be trained.
    """
    start = model_name(start)
    find_model(start)  # refuses a component
    trained: TaskHead = create(start)
    trainable(trained)
    changes: dict[str, Any] = {}
    for override in overrides:
        apply_override(changes, override)
    section = data_section(data, changes.get("data") or {})
    origin = Start.of(start)
    record = origin.record()
    before: Mapping[str, Any] = record.get("recipe") or {}
    base = (origin.base() or {})["name"]
    stored = before["model"]["overrides"] if before and before["model"]["name"] == start else {}
    kept = {key: before[key] for key in KEPT if before.get(key) is not None}
    if kept.get("precision") in ("bf16", "fp16"):
        del kept["precision"]  # it was fast where the model was trained; float32 may have been necessary
    if given := {key: changes[key] for key in ("batch_size", "batch_frames") if key in changes}:
        kept = {key: value for key, value in kept.items() if key not in ("batch_size", "batch_frames")} | given
    recipe: dict[str, Any] = {
        "name": _run_name(base, data if Path(data).is_file() else str(section["title"])),
        "model": {"name": start, "overrides": stored, "init_from": start},
        "data": section,
        "steps": FEWEST_STEPS,
        **({} if "batch_frames" in kept else {"batch_size": BATCH}),
        **kept,
    }
    load_recipe(recipe, overrides)  # refuses a wrong override before the data are read

    splits = load_dataset_for(lambda: getattr(trained, "columns", ()), section["name"], section["config"])
    for key, usual in (("split", "train"), ("validation_split", "validation")):
        section.setdefault(key, usual if usual in splits else next(iter(splits)) if key == "split" else None)
    rows, validation = rows_of(splits, DataConfig(**section))
    if isinstance(trained, Adaptable):
        recipe["model"]["overrides"] = {**stored, **trained.adapt(all_rows(rows, validation))}
    if "batch_size" in recipe:
        recipe["batch_size"] = per_step = min(recipe["batch_size"], len(rows))
    else:
        per_step = record["items_seen"] / record["steps"] if record else BATCH
    steps = min(max(math.ceil(len(rows) * EPOCHS / per_step), FEWEST_STEPS), before.get("steps", MOST_STEPS))
    steps = changes.get("steps", steps)
    validate_every = max(1, steps // 8) if validation is not None else None
    return {**recipe, **_schedule(before, steps), "validate_every": validate_every}


def _schedule(before: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """The keys of a recipe that depend on the number of steps, from the recipe that the model was trained with."""
    optimizer = before.get("optimizer") or {"lr": DEFAULT_LR}
    schedule = {
        "steps": steps,
        "optimizer": {**optimizer, "lr": optimizer["lr"] * LR_FRACTION, "warmup_steps": steps // 10},
        "log_every": max(1, steps // 40),
        "preview_every": max(1, steps // 4),
    }
    if adversary := before.get("adversary"):
        scaled = {key: round(adversary[key] * steps / before["steps"]) for key in ("start_step", "warmup_steps")}
        schedule["adversary"] = {**adversary, "lr": adversary["lr"] * LR_FRACTION, **scaled}
    return schedule


def _run_name(base: str, data: str) -> str:
    """`model-data`, without the folder of either and the suffix of a file."""
    path = Path(data)
    stem = path.stem if path.is_file() else path.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{base.rpartition('/')[2]}-{stem}").strip("-.")


def data_section(data: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` section of a recipe, with the changes to it, which may name another dataset than the guessed one."""
    about = DataGuess(data, {}, data) if "name" in changes else named(data)
    config, name = {**about.config, **(changes.get("config") or {})}, str(changes.get("name", about.name))
    if missing := [key for key in required_arguments(name) if key not in config]:
        raise ConfigError(
            f"The dataset {name} requires {', '.join(missing)}; add"
            f" {' '.join(f'data.config.{key}=VALUE' for key in missing)}.",
            path=f"data.config.{missing[0]}",
        )
    return {"name": name, "title": about.title, **changes, "config": config}
