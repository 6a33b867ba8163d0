"""Saves a model to a folder: config, weights and the files it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmzoo.composition.build import own_tensors, submodels
from mmzoo.composition.load import finite
from mmzoo.errors import MmzooError, TensorValueError, WeightsError
from mmzoo.interfaces import HasFiles
from mmzoo.model_folder import NAMES, WEIGHTS_NAME, ModelConfig, ModelFolder
from mmzoo.system import whole_file, write_whole

if TYPE_CHECKING:
    from mmzoo.interfaces.heads import TaskHead


def save_model(
    head: TaskHead,
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float16,
    name: str | None = None,
    task: str | None = None,
    modalities: Iterable[str] | None = None,
) -> Path:
    """Write `config.json`, `model.safetensors` and `head.files()`, each atomically.

    The tensors of models in slots are not written.

    Args:
        head: The model.
        folder: Created if needed.
        dtype: The dtype of the parameters; buffers (codebook averages, statistics) keep theirs, as they are small and
            may need the range.
        name: The head's name by default.
        task: By default the task registered under `name`, else the one registered under the head's name, else the task
            of the model that the head was created from.
        modalities: The default is found as for `task`.

    Returns:
        The folder.

    Raises:
        TensorValueError: A value is not finite, or overflows in `dtype`.
        WeightsError: A model slot holds a model with fresh parameters, or the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {key: _stored(key, tensor, dtype) for key, tensor in own_tensors(head).items()}
    for slot in submodels(head):
        if not head.recipe[slot].get("sha256"):
            raise WeightsError(
                f"Cannot save the model: slot {slot} holds a model with fresh parameters, which are not stored;"
                " train and save that model first."
            )
    config = _describe(head, name, task, modalities)
    files = head.files() if isinstance(head, HasFiles) else {}
    for file_name in files:
        if file_name in NAMES or Path(file_name).name != file_name or file_name.startswith("."):
            raise WeightsError(
                f"{type(head).__name__}.files() may not write {file_name!r}; use a plain file name that mmzoo does not"
                " write itself."
            )
    with writable(folder):
        for file_name, content in files.items():
            write_whole(folder / file_name, content)
        ModelFolder(folder).write_config(config)
        write_weights(folder / WEIGHTS_NAME, tensors)
    return folder


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Create the folder; an OSError inside the block becomes a WeightsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WeightsError(
            f"Cannot write {error.filename or folder}: {error.strerror or error}; choose a writable folder."
        ) from error


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    value = tensor.detach().cpu()
    if isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
        value = value.to(dtype)
    if tensor.is_meta or not finite(value):
        raise TensorValueError(
            f"Cannot save {name}: it has values that are not finite in {str(value.dtype).removeprefix('torch.')};"
            " save with dtype=torch.float32 if the model's own values are finite."
        )
    # safetensors refuses tensors that share storage, as views do.
    return value.contiguous().clone()


def _describe(head: TaskHead, name: str | None, task: str | None, modalities: Iterable[str] | None) -> ModelConfig:
    import mmzoo
    from mmzoo import registry

    name = head.name if name is None else name
    for known in filter(None, (name, head.name)):
        try:
            spec = registry.catalog().model(known)
        except MmzooError:
            continue
        task = spec.task if task is None else task
        modalities = spec.modalities if modalities is None else modalities
    if head.tree is not None:  # a model that is not registered
        task = head.tree.config.task if task is None else task
        modalities = head.tree.config.modalities if modalities is None else modalities
    return ModelConfig(head.recipe, name, task or "", tuple(modalities or ()), mmzoo.__version__)


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file atomically. Raises OSError."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole_file(path) as staged:
        try:
            save_file(dict(tensors), staged, metadata={"format": "pt"})
        except SafetensorError as error:  # also for a full disk
            raise OSError(str(error)) from error
