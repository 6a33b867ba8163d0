"""`train`: from a recipe to a trained model folder."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.composition import Plan, check
from mmzoo.data import load_dataset_for
from mmzoo.errors import DataError
from mmzoo.factory import build
from mmzoo.resolve import resolve
from mmzoo.training.engine import RunResult, Trainer
from mmzoo.training.recipe import DataConfig, ModelConfig, load_recipe
from mmzoo.training.saving import checkpoint_to_resume
from mmzoo.training.seeds import seed_everything

if TYPE_CHECKING:
    from datasets import Dataset

    from mmzoo.interfaces import TaskHead


def rows_of(splits: Mapping[str, Dataset], config: DataConfig) -> tuple[Dataset, Dataset | None]:
    """The training rows among a dataset's splits, and the validation rows or None.

    Args:
        splits: The rows of each split.
        config: The `data` section of a recipe.

    Raises:
        DataError: A split is missing or empty.
    """

    def split(name: str) -> Dataset:
        if name not in splits:
            raise DataError(f"Dataset {config.name} has no split {name!r}; it has {', '.join(map(str, splits))}.")
        rows = splits[name]
        if len(rows) == 0:
            raise DataError(f"Split {name!r} of dataset {config.name} is empty.")
        return rows.select(range(min(config.limit, len(rows)))) if config.limit else rows

    return split(config.split), split(config.validation_split) if config.validation_split else None


def fresh_model(config: ModelConfig) -> TaskHead:
    """The model to train, with fresh parameters.

    Not by `create`, whose other arguments (`device`, `part`) overrides could set.
    """
    return build(_plan(config))


def _plan(config: ModelConfig) -> Plan:
    return check(resolve(config.name, config.overrides, pretrained=False))


def needed_columns(config: ModelConfig) -> Collection[str]:
    """The columns that the head of the model to train needs; none if it does not say."""
    columns = getattr(_plan(config).head.cls, "columns", ())
    if hasattr(columns, "__get__"):  # they depend on what fills its slots
        columns = getattr(fresh_model(config), "columns", ())
    return tuple(columns)


def train(
    recipe: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    resume: str | Path = "auto",
    *,
    export_only: bool = False,
    command: str | None = None,
) -> RunResult:
    """Train a model from a recipe file or mapping.

    Args:
        recipe: A YAML file or a mapping.
        overrides: Changes to the recipe, as `a.b=c` strings.
        out: The run folder; `runs/<name>` by default.
        resume: `auto` (the newest valid checkpoint, if any), `never`, or a checkpoint folder.
        export_only: Export the model folder from that checkpoint without training.
        command: The command for the training record; by default `mmzoo train` with the recipe and overrides.
    """
    settings = load_recipe(recipe, overrides)
    if isinstance(settings.num_threads, int):
        torch.set_num_threads(settings.num_threads)
    run_folder = Path(out) if out is not None else Path("runs") / settings.name
    checkpoint_to_resume(run_folder, resume, settings, lambda line: None)  # refuses before data and examples are built
    data = settings.data
    splits = load_dataset_for(lambda: needed_columns(settings.model), data.name, data.config)
    rows, validation = rows_of(splits, data)
    seed_everything(settings.seed, "model")
    head = fresh_model(settings.model)
    if command is None:
        source = f"<{settings.name}>" if isinstance(recipe, Mapping) else Path(recipe).as_posix()
        command = shlex.join(["mmzoo", "train", source, *overrides])
    trainer = Trainer(settings, head, rows, out=run_folder, validation_rows=validation, command=command)
    return trainer.run(resume, export_only=export_only)
