"""Export a trained model to a folder, with the record of its training."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from mmzoo.hardware import hardware
from mmzoo.hub.cards import write_card
from mmzoo.interfaces import Examples, HasStatistics, TaskHead
from mmzoo.model_folder import TRAINING_NAME, WEIGHTS_NAME
from mmzoo.system import sha256_of
from mmzoo.training.recipe import TrainingRecipe
from mmzoo.training.saving import Progress
from mmzoo.training.start import Start


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that affect results."""
    installed = {"python": platform.python_version()}
    for name in ("mmzoo", "torch", "accelerate", "datasets", "numpy"):
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def training_record(
    command: str, recipe: TrainingRecipe, progress: Progress, data: Mapping[str, Any], start: Start | None
) -> dict[str, Any]:
    """The contents of training.json; `seconds` is the time spent training, over all sessions."""
    return {
        "command": command,
        "recipe": recipe.model_dump(),
        "data": {"name": recipe.data.name, "split": recipe.data.split, "title": recipe.data.title, **data},
        "seed": recipe.seed,
        "steps": progress.step,
        "seconds": round(progress.seconds, 1),
        "hours": round(progress.seconds / 3600, 3),
        "sessions": progress.sessions,
        "items_seen": progress.items,
        "frames_seen": progress.frames,
        "skipped_updates": progress.skipped,
        "hardware": hardware(),
        "versions": versions(),
        "base_model": start and start.base(),
        "began_from": start and start.record(),
    }


def finish_head(head: TaskHead, examples: Examples) -> None:
    """Let the head measure the statistics that it stores, and leave it in eval mode."""
    head.eval()
    if isinstance(head, HasStatistics):
        with torch.no_grad():
            head.finish(examples)


def export_model(head: TaskHead, out: Path, training: dict[str, Any], joint: Sequence[str] = ()) -> Path:
    """Write `<out>/model` (config.json, model.safetensors, files, training.json), replacing an existing one.

    A model that started from another model also gets a card, which names it.

    Args:
        head: The trained model.
        out: The run folder.
        training: The contents of training.json.
        joint: Slots whose models were trained jointly; each is written to `<out>/model-<slot>`, to which the
            model's config then refers.

    Returns:
        The model folder.
    """
    for slot in joint:
        folder = _exported(getattr(head, slot), out, f"model-{slot}", training)
        pin = {"model": f"local-dir:{folder.resolve()}", "sha256": sha256_of(folder / WEIGHTS_NAME)}
        head.recipe = {**head.recipe, slot: pin}
    folder = _exported(head, out, "model", training)
    if training["base_model"]:
        write_card(folder)
    return folder


def _exported(head: TaskHead, out: Path, name: str, training: dict[str, Any]) -> Path:
    from mmzoo.composition import save_model

    folder, staging = out / name, out / f".staging-{name}"
    shutil.rmtree(staging, ignore_errors=True)
    recipe = training["recipe"]
    # Fine-tuned, or with a slot overridden or trained jointly, these are no longer the registered models.
    changed = (
        training["base_model"]
        or recipe["model"]["joint"]
        or any(slot in recipe["model"]["overrides"] for slot in type(head).slots)
    )
    save_model(head, staging, name=name.replace("model", recipe["name"], 1) if changed else None)
    (staging / TRAINING_NAME).write_text(json.dumps(training, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return folder
