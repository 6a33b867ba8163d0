"""Export a trained model to a folder, and initialize training from weights on disk."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from mmzoo.errors import ConfigError
from mmzoo.interfaces import Examples, HasFiles, HasStatistics, TaskHead
from mmzoo.model_folder import TRAINING_NAME, WEIGHTS_NAME
from mmzoo.system import cpu_name, sha256_of
from mmzoo.training.checkpoint import newest_checkpoint
from mmzoo.training.ema import OwnTensors
from mmzoo.training.recipe import TrainingRecipe
from mmzoo.training.saving import Progress


def hardware() -> dict[str, Any]:
    """The processor, cores, threads and GPU of this machine."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


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
    command: str, recipe: TrainingRecipe, progress: Progress, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The contents of training.json; `seconds` is the time spent training, over all sessions."""
    return {
        "command": command,
        "recipe": recipe.model_dump(),
        "data": {"name": recipe.data.name, "split": recipe.data.split, **data},
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
        "began_from": None if recipe.model.init_from is None else _began_from(Path(recipe.model.init_from)),
    }


def _began_from(path: Path) -> dict[str, Any]:
    """The training record of the model in this folder; only the path if it has none."""
    for candidate in (path / TRAINING_NAME, path / "model" / TRAINING_NAME):
        if candidate.is_file():
            record: dict[str, Any] = json.loads(candidate.read_text("utf-8"))
            return record
    return {"path": str(path)}


def finish_head(head: TaskHead, examples: Examples) -> None:
    """Let the head measure the statistics that it stores, and leave it in eval mode."""
    head.eval()
    if isinstance(head, HasStatistics):
        with torch.no_grad():
            head.finish(examples)


def export_model(head: TaskHead, out: Path, training: dict[str, Any], joint: Sequence[str] = ()) -> Path:
    """Write `<out>/model` (config.json, model.safetensors, files, training.json), replacing an existing one.

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
    return _exported(head, out, "model", training)


def _exported(head: TaskHead, out: Path, name: str, training: dict[str, Any]) -> Path:
    from mmzoo.composition import save_model

    folder, staging = out / name, out / f".staging-{name}"
    shutil.rmtree(staging, ignore_errors=True)
    recipe = training["recipe"]
    # With a slot overridden or trained jointly, these are no longer the registered models.
    changed = recipe["model"]["joint"] or any(slot in recipe["model"]["overrides"] for slot in type(head).slots)
    save_model(head, staging, name=name.replace("model", recipe["name"], 1) if changed else None)
    (staging / TRAINING_NAME).write_text(json.dumps(training, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return folder


def _weights_in(path: Path, say: Callable[[str], None]) -> Path:
    """The weights file of a run folder (the average in its newest checkpoint) or of a model folder."""
    checkpoint = newest_checkpoint(path / "checkpoints", say)
    candidates = [path / WEIGHTS_NAME, path / "model" / WEIGHTS_NAME]
    if checkpoint is not None:
        candidates.insert(0, checkpoint / "ema.safetensors")
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ConfigError(
        f"model.init_from={str(path)!r} is neither a run folder with a checkpoint nor a model folder with"
        " model.safetensors.",
        path="model.init_from",
    )


def files_from(head: TaskHead, path: Path, say: Callable[[str], None]) -> None:
    """Load the files beside the weights (such as a lexicon) of the model that training starts from, if it has them."""
    if not isinstance(head, HasFiles):
        return
    names = set(head.files())
    folder = next((f for f in (path / "model", path) if names and all((f / name).is_file() for name in names)), None)
    if folder is not None:
        head.load_files(folder)
        say(f"Loaded {', '.join(sorted(names))} from {folder}.")


@torch.no_grad()
def init_from(head: TaskHead, path: Path, skip: tuple[str, ...], say: Callable[[str], None]) -> None:
    """Copy the tensors of matching name and shape from a run folder or model folder.

    Args:
        head: The model to initialize.
        path: The folder.
        skip: Prefixes of tensors that belong to the models in slots.
        say: Called with each line of a report of what was and was not copied.

    Raises:
        ConfigError: The folder has no readable weights, or nothing matches.
    """
    file = _weights_in(path, say)
    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"Cannot read {file}: {error}.", path="model.init_from") from error
    live = OwnTensors(head, skip).state()
    kept = [name for name, tensor in live.items() if name in stored and stored[name].shape == tensor.shape]
    reshaped = [name for name in live if name in stored and name not in kept]
    new = [name for name in live if name not in stored]
    unused = [name for name in stored if name not in live]
    if not kept:
        raise ConfigError(f"{file} has no tensor in common with this model.", path="model.init_from")
    for name in kept:
        live[name].copy_(stored[name])
    say(f"Initialized from {file}: kept {len(kept)} of {len(live)} tensors.")
    for label, names in (("new", new), ("new because the shape differs", reshaped), ("not used", unused)):
        if names:
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            say(f"  {label}: {shown}")
