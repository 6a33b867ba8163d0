"""A model to a folder: config, weights and the files it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mmzoo.composition.build import own_tensors, submodels
from mmzoo.composition.load import finite
from mmzoo.composition.model_config import FILE_NAME, ModelConfig
from mmzoo.errors import MmzooError, TensorValueError, WeightsError
from mmzoo.interfaces import HasFiles

if TYPE_CHECKING:
    from mmzoo.interfaces.heads import TaskHead

WEIGHTS_NAME = "model.safetensors"
RESERVED = {FILE_NAME, WEIGHTS_NAME, "README.md", "evaluation.json", "training.json", "golden.safetensors"}


def save_model(
    head: TaskHead,
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float16,
    name: str | None = None,
    task: str | None = None,
    modalities: Iterable[str] | None = None,
) -> Path:
    """Write `config.json`, `model.safetensors` and `head.files()` to a folder, which is made if need be.

    dtype: of the parameters; buffers (codebook averages, statistics) keep theirs, as they are small and
    may need the range. Tensors of models in slots are not written. name, task, modalities: default to
    the head's name and what is registered under it; a model of another name keeps the head's task and
    modalities. Each file appears whole or not at all. Raises TensorValueError if a value is not finite, or not in
    `dtype`; WeightsError if a model slot holds a model that nobody could load.
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    for file_name, content in (head.files() if isinstance(head, HasFiles) else {}).items():
        if file_name in RESERVED or Path(file_name).name != file_name or file_name.startswith("."):
            raise WeightsError(f"{type(head).__name__}.files() may not write {file_name!r}; choose another plain name.")
        write_file(folder / file_name, content)
    write_file(folder / FILE_NAME, config.to_json().encode())
    write_weights(folder / WEIGHTS_NAME, tensors)
    return folder


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


def write_file(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all. Raises WeightsError."""
    staged = path.with_name(f".{path.name}.partial")
    try:
        staged.write_bytes(content)
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file that appears whole or not at all. Raises WeightsError."""
    from safetensors.torch import save_file

    staged = path.with_name(f".{path.name}.partial")
    try:
        staged.write_bytes(b"")
        mode = staged.stat().st_mode & 0o777  # what the umask allows; safetensors itself makes files 0600
        save_file(dict(tensors), staged, metadata={"format": "pt"})
        staged.chmod(mode)
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"Cannot write {path}: {error.strerror or error}; choose a folder to write to.")
