"""`train`: from a recipe to a trained model folder."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.composition import Plan, check
from mmzoo.data import load_dataset_for
from mmzoo.errors import DataError, TrainingError
from mmzoo.factory import build
from mmzoo.resolve import resolve
from mmzoo.training.engine import RunResult, Trainer
from mmzoo.training.ranks import in_turn, is_first_rank, join_ranks
from mmzoo.training.recipe import DataConfig, ModelConfig, TrainingRecipe, load_recipe
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
    if command is None:
        source = f"<{settings.name}>" if isinstance(recipe, Mapping) else Path(recipe).as_posix()
        command = shlex.join(["mmzoo", "train", source, *overrides])
    return trainer_for(settings, run_folder, command).run(resume, export_only=export_only)


def trainer_for(settings: TrainingRecipe, run_folder: Path, command: str = "") -> Trainer:
    """The trainer of a recipe, with its data and a fresh model.

    Args:
        settings: The recipe.
        run_folder: Where the run is, or will be.
        command: The command for the training record.
    """
    data = settings.data
    with in_turn(join_ranks(cpu=settings.device == "cpu")):
        splits = load_dataset_for(lambda: needed_columns(settings.model), data.name, data.config)
    rows, validation = rows_of(splits, data)
    seed_everything(settings.seed, "model")
    head = fresh_model(settings.model)
    return Trainer(settings, head, rows, out=run_folder, validation_rows=validation, command=command)


def dry_run(
    recipe: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), out: str | Path | None = None
) -> None:
    """Do everything that a training does, in two steps: train, validate, preview, save, resume and export.

    It happens in a folder within the run folder, which is deleted at the end. Cached examples are kept.

    Args:
        recipe: A YAML file or a mapping.
        overrides: Changes to the recipe, as `a.b=c` strings.
        out: The run folder; `runs/<name>` by default.

    Raises:
        TrainingError: An update was skipped, or a preview failed; and whatever `train` raises.
    """
    settings = load_recipe(recipe, overrides).model_dump()
    settings |= dict.fromkeys(("log_every", "checkpoint_every", "preview_every", "preview_rows", "validate_batches"), 1)
    settings |= {"stop_after_minutes": None, "max_minutes": None, "max_bad_steps": 1}
    settings["validate_every"] = 1 if settings["data"]["validation_split"] else None
    settings["optimizer"]["warmup_steps"] = 0
    if settings["adversary"] is not None:
        settings["adversary"]["start_step"] = 0
    run_folder = Path(out) if out is not None else Path("runs") / settings["name"]
    existed, folder = run_folder.exists(), run_folder / "dry-run"
    try:
        for steps in (1, 2):  # the second one resumes
            train({**settings, "steps": steps}, out=folder)
        if is_first_rank():
            wrong = [line for line in (folder / "train.log").read_text(encoding="utf-8").splitlines() if _failed(line)]
            if wrong:
                raise TrainingError(f"The dry run did not pass: {wrong[0].partition(' ')[2]}")
    finally:
        if is_first_rank():
            shutil.rmtree(folder if existed else run_folder, ignore_errors=True)


def _failed(line: str) -> bool:
    """Whether a line of the log reports what a training survives but a dry run should not."""
    return "previews of step" in line or "update skipped" in line
