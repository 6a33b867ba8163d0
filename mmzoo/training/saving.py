"""Convert the state of a training run to checkpoint files and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import CheckpointError, TrainingError
from mmzoo.training.checkpoint import (
    list_checkpoints,
    newest_checkpoint,
    read_state,
    read_tensors,
    verify_checkpoint,
)
from mmzoo.training.compute import Compute
from mmzoo.training.optim import load_optimizer_tensors, optimizer_tensors
from mmzoo.training.recipe import TrainingRecipe, changed_keys, fixed_part
from mmzoo.training.step import Stepper


@dataclass
class Progress:
    """How far training has come. There is no random state: every draw is seeded from the step or the example."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    items: int = 0
    frames: int = 0
    skipped: int = 0
    sessions: int = 1


def collect(
    stepper: Stepper, progress: Progress, data: dict[str, Any], compute: Compute
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """(tensors by file, state) of a checkpoint; all ranks call this together if the parameters are sharded."""
    tensors = {
        "model": stepper.own.state(),
        "ema": stepper.ema.state(),
        "optimizer": optimizer_tensors(stepper.optimizer, stepper.parameters),
    }
    if stepper.adversary is not None and stepper.adversary_optimizer is not None:
        adversary = {f"model/{name}": tensor for name, tensor in stepper.adversary.state_dict().items()}
        moments = optimizer_tensors(stepper.adversary_optimizer, stepper.adversary_parameters)
        tensors["adversary"] = adversary | {f"optimizer/{name}": tensor for name, tensor in moments.items()}
    state = {
        "progress": asdict(progress),
        "ema_updates": stepper.ema.updates,
        "loss_scale": [stepper.scale.value, stepper.scale.good],
        "world_size": stepper.accelerator.num_processes,
        "data": data,
        "recipe": stepper.recipe.model_dump(),
        "compute": asdict(compute),
        **({} if stepper.adversary is None else {"critics": stepper.adversary.entries}),
    }
    return tensors, state


def checkpoint_to_resume(
    out: Path, resume: str | Path, recipe: TrainingRecipe, say: Callable[[str], None]
) -> Path | None:
    """The verified checkpoint to continue from; None to start a new run.

    Args:
        out: The run folder.
        resume: `auto` (the newest valid checkpoint, if any), `never`, or a checkpoint folder.
        recipe: The recipe to continue with.
        say: Called for each damaged checkpoint that is passed over.

    Raises:
        CheckpointError: All checkpoints are damaged, or the recipe differs in a key that cannot change (exit code 2).
        TrainingError: A new run would replace the checkpoints or the model of another one.
    """
    root, model = out / "checkpoints", out / "model"
    left = list_checkpoints(root)
    if resume not in ("auto", "never"):
        path = Path(resume)
        verify_checkpoint(path)
    elif resume == "never" and left:
        raise TrainingError(
            f"{root} already has checkpoints; use --resume to continue from them, or choose another --out."
        )
    elif found := newest_checkpoint(root, say):
        path = found
    elif left:
        raise CheckpointError(
            f"All checkpoints in {root} are damaged ({', '.join(one.name for one in left)}), so this run cannot be"
            f" resumed; choose another --out to start over (model.init_from={out} keeps a finished model's weights)."
        )
    elif model.exists():
        raise TrainingError(
            f"{model} is a finished model, and there is no checkpoint to continue from; choose another --out, or move"
            " the model away to train it again."
        )
    else:
        return None
    if keys := changed_keys(fixed_part(read_state(path).get("recipe", {})), fixed_part(recipe.model_dump())):
        from_data = recipe.model.init_from and all(key.startswith(("batch_size", "model.overrides")) for key in keys)
        raise _refused(
            f"Cannot resume {path}: the recipe now differs in {', '.join(keys)}"
            f"{', perhaps because the data have changed' if from_data else ''}; restore them, or start a new run with"
            " another --out (model.init_from starts it from these weights)."
        )
    return path


def _refused(message: str) -> CheckpointError:
    error = CheckpointError(message)
    error.exit_code = 2
    return error


def check_same_data(path: Path, data: dict[str, Any]) -> None:
    """Raise CheckpointError (exit code 2) unless the checkpoint has the same data."""
    stored = read_state(path).get("data") or {}
    if stored != data:
        raise _refused(
            f"Cannot resume {path}: its dataset had {stored.get('examples')} examples and this one has"
            f" {data['examples']}, or their lengths changed; restore the dataset or start a new run."
        )


def restore(path: Path, stepper: Stepper) -> Progress:
    """Load a verified checkpoint into the stepper, and return its progress."""
    state = read_state(path)
    try:
        progress = Progress(**state["progress"])
        updates = int(state["ema_updates"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"Checkpoint {path} has an incomplete state.json: {error}.") from error
    stored = read_tensors(path, "model")
    _check(path, stepper.own.shapes(), stored)
    stepper.own.load(stored)
    if stepper.recipe.precision == "fp16":
        stepper.scale.value, stepper.scale.good = state.get("loss_scale", [stepper.scale.value, 0])
    averaged = read_tensors(path, "ema")
    if set(averaged) != set(stepper.own.names):
        raise CheckpointError(f"Checkpoint {path}: ema.safetensors does not hold the tensors of this model.")
    stepper.ema.load(averaged, updates)
    load_optimizer_tensors(stepper.optimizer, stepper.parameters, read_tensors(path, "optimizer"))
    if stepper.adversary is not None and stepper.adversary_optimizer is not None:
        if not (path / "adversary.safetensors").is_file():
            return progress  # the adversary was added to the recipe after this checkpoint
        if state.get("critics", stepper.adversary.entries) != stepper.adversary.entries:
            names = ", ".join(str(entry["name"]) for entry in state["critics"])
            raise _refused(
                f"Cannot resume {path}: its critics ({names}) have another name or config in the recipe; restore"
                " adversary.critics, or start a new run."
            )
        stored = read_tensors(path, "adversary")
        _load(path, stepper.adversary.state_dict(), _under("model/", stored))
        moments = _under("optimizer/", stored)
        load_optimizer_tensors(stepper.adversary_optimizer, stepper.adversary_parameters, moments)
    return progress


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


@torch.no_grad()
def _load(path: Path, live: dict[str, Tensor], stored: dict[str, Tensor]) -> None:
    _check(path, {name: tensor.shape for name, tensor in live.items()}, stored)
    for name, tensor in live.items():
        tensor.copy_(stored[name])


def _check(path: Path, shapes: dict[str, torch.Size], stored: dict[str, Tensor]) -> None:
    """Raise CheckpointError unless the stored tensors have these names and shapes."""
    wrong = sorted(set(shapes) ^ set(stored)) or [n for n, shape in shapes.items() if shape != stored[n].shape]
    if wrong:
        raise CheckpointError(f"Checkpoint {path} does not fit this model: {', '.join(wrong[:5])} differ.")
