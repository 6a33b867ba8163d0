"""Where a training starts: the parameters, names and record of another model, or of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mmzoo.composition import own_tensors, submodels
from mmzoo.errors import ConfigError, UnknownNameError
from mmzoo.factory import create
from mmzoo.hub.published import FoundModel, find_model
from mmzoo.interfaces import Adaptable, HasFiles, TaskHead
from mmzoo.model_folder import CONFIG_NAME, TRAINING_NAME, WEIGHTS_NAME, read_record
from mmzoo.training.checkpoint import newest_checkpoint
from mmzoo.training.ema import OwnTensors

if TYPE_CHECKING:
    from datasets import Dataset

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """The model or run that a training starts from.

    Args:
        name: A model's name or folder, or a run folder.
        found: The model, at the commit that its revision points to now; None for a run folder or bare weights.
    """

    name: str
    found: FoundModel | None

    @classmethod
    def of(cls, name: str) -> Start:
        """Look it up. Raises ConfigError if there is no such model or folder."""
        try:
            return cls(name, find_model(name).at_commit())
        except UnknownNameError as error:
            if Path(name).expanduser().is_dir():
                return cls(name, None)
            raise ConfigError(
                f"model.init_from={name[:200]!r} is neither a model nor a run folder; give a name of `mmzoo list`, or"
                " the folder of a model or run.",
                path="model.init_from",
            ) from error

    def folder(self, what: str = "texts") -> Path:
        """Its folder on this machine, with the files that `FoundModel.folder` describes."""
        return Path(self.name).expanduser() if self.found is None else self.found.folder(what).path

    def record(self) -> dict[str, Any]:
        """Its training record; only its name if it has none."""
        folder = self.folder()
        return (
            read_record(folder / TRAINING_NAME) or read_record(folder / "model" / TRAINING_NAME) or {"path": self.name}
        )

    def base(self) -> dict[str, Any] | None:
        """Name and license of the model, for the card of the new one; None for a run, which is an earlier stage."""
        if self.found is None:
            return None
        folder, source = self.found.folder(), self.found.weights_source
        name = source.place if source.scheme == "hf-hub" else self.found.bare_name
        name = name or (folder.config.name if folder.is_own else folder.path.name)
        return {"name": name, "license": self.found.license or folder.license}


def begin_from(head: TaskHead, start: Start, rows: Dataset, say: Say, *, fresh: bool) -> None:
    """Take over what another model, or a run, has learned.

    Args:
        head: The model to train.
        start: The other model or run.
        rows: All rows that the head will be trained and validated on.
        say: Called with each line of a report.
        fresh: Whether to copy tensors too; a resumed run has its own, and needs only names and files.

    Raises:
        ConfigError: It has no readable weights, or no tensor matches.
    """
    if not fresh and not isinstance(head, HasFiles):
        return
    folder = start.folder("weights")
    trained: TaskHead | None = None
    if start.found is not None:
        # A registered name has pins, and a source is at the commit that the record names.
        trained = create(start.found.name if start.found.spec else start.found.exact_name)
        stored, file = own_tensors(trained), folder / WEIGHTS_NAME
    elif isinstance(head, Adaptable) and (folder / "model" / CONFIG_NAME).is_file():
        trained = create(folder / "model")
    if fresh:
        if start.found is None:
            file = _weights_in(folder, say)
            stored = _loaded(file)
        _copy(head, stored, file, say)
    if isinstance(head, Adaptable) and type(trained) is type(head):
        head.inherit(trained, rows)
    else:
        _load_files(head, folder, say)


def all_rows(rows: Dataset, validation_rows: Dataset | None) -> Dataset:
    """The rows of training and validation, for the names of classes, voices or words in either."""
    from datasets import concatenate_datasets

    return rows if validation_rows is None else concatenate_datasets([rows, validation_rows])


def _weights_in(path: Path, say: Say) -> Path:
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
        f" {WEIGHTS_NAME}.",
        path="model.init_from",
    )


def _loaded(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"Cannot read {file}: {error}.", path="model.init_from") from error


def _load_files(head: TaskHead, path: Path, say: Say) -> None:
    """Load the files beside the weights (such as a lexicon) of the model that training starts from, if it has them."""
    if not isinstance(head, HasFiles):
        return
    names = set(head.files())
    folder = next((f for f in (path / "model", path) if names and all((f / name).is_file() for name in names)), None)
    if folder is not None:
        head.load_files(folder)
        say(f"Loaded {', '.join(sorted(names))} from {folder}.")


@torch.no_grad()
def _copy(head: TaskHead, stored: Mapping[str, Tensor], file: Path, say: Say) -> None:
    """Copy the tensors of matching name and shape, and report what was and was not copied."""
    live = OwnTensors(head, tuple(f"{name}." for name in submodels(head))).state()
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
