"""A model to a folder: config, weights and the files it needs."""

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
    """Write `config.json`, `model.safetensors` and `head.files()`, each of which appears whole or not at all.

    Tensors of models in slots are not written.

    Args:
        head: the model.
        folder: made if need be.
        dtype: of the parameters; buffers (codebook averages, statistics) keep theirs, as they are small and may need
            the range.
        name: the head's name unless given.
        task: what is registered under that name unless given; a model of another name keeps the head's.
        modalities: as for `task`.

    Raises:
        TensorValueError: if a value is not finite, or not in `dtype`.
        WeightsError: if a model slot holds a model that nobody could load, or the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {key: _stored(key, tensor, dtype) for key, tensor in own_tensors(head).items()}
    for slot in submodels(head):
        if not head.recipe[slot].get("sha256"):
            raise WeightsError(
                f"Cannot save the model: slot {slot} holds a model with fresh parameters, which are stored nowhere;"
                " train and save that model first."
            )
    config = _describe(head, name, task, modalities)
    files = head.files() if isinstance(head, HasFiles) else {}
    for file_name in files:
        if file_name in NAMES or Path(file_name).name != file_name or file_name.startswith("."):
            raise WeightsError(f"{type(head).__name__}.files() may not write {file_name!r}; choose another plain name.")
    with writable(folder):
        for file_name, content in files.items():
            write_whole(folder / file_name, content)
        ModelFolder(folder).write_config(config)
        write_weights(folder / WEIGHTS_NAME, tensors)
    return folder


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Make a folder to write into; what the disk refuses becomes a WeightsError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WeightsError(
            f"Cannot write {error.filename or folder}: {error.strerror or error}; choose a folder to write to."
        ) from error


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    value = tensor.detach().cpu()
    if isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
        value = value.to(dtype)
    if tensor.is_meta or not finite(value):
        raise TensorValueError(
            f"Cannot save {name}: it has values that are not finite in {str(value.dtype).removeprefix('torch.')};"
            " save with dtype=torch.float32 if the model itself is sound."
        )
    # A view would drag its whole storage into the file's idea of shared memory.
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
    version = getattr(mmzoo, "__version__", "")
    return ModelConfig(head.recipe, name, task or "", tuple(modalities or ()), version)


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file that appears whole or not at all. Raises OSError."""
    from safetensors.torch import save_file

    with whole_file(path) as staged:
        save_file(dict(tensors), staged, metadata={"format": "pt"})
