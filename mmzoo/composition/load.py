"""Weights into a model on the meta device: names and shapes first, then one tensor at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from mmzoo.composition.build import check_real, own_tensors, restore_buffers
from mmzoo.errors import ExtraTensorsError, MissingTensorsError, TensorShapeError, TensorValueError


class TensorFile(Protocol):
    """An opened weights file. `entries` come from its header alone; `read` reads the data of one tensor."""

    @property
    def label(self) -> str:
        """The file as messages name it."""

    @property
    def entries(self) -> Mapping[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Data type and shape of every tensor."""

    def read(self, name: str) -> Tensor:
        """The values of one tensor, on the CPU; the memory may belong to the file."""


def load_weights(
    module: nn.Module,
    file: TensorFile,
    *,
    prefix: str = "",
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> None:
    """Assign every tensor of the file to a module built on the meta device, and make its other buffers real.

    prefix: `quantizer.` loads one part; the file's other tensors are then not read. dtype: of floating
    tensors; None is float32 whatever the file holds. Integer and bool tensors keep the model's type.
    Raises MissingTensorsError, ExtraTensorsError, TensorShapeError before any values are read, and
    TensorValueError for NaN or infinity.
    """
    wanted = own_tensors(module)
    entries = {name.removeprefix(prefix): entry for name, entry in file.entries.items() if name.startswith(prefix)}
    compare(wanted, entries, file.label)
    restore_buffers(module)
    places = _places(module)
    with torch.no_grad():
        for name, blank in wanted.items():
            value = _converted(file, prefix + name, blank, dtype or torch.float32).to(device)
            filled: Tensor = nn.Parameter(value, blank.requires_grad) if isinstance(blank, nn.Parameter) else value
            for owner, attribute in places[id(blank)]:
                setattr(owner, attribute, filled)  # not into its dict: recurrent modules of torch keep a second list
        if dtype is not None or torch.device(device).type != "cpu":
            _move_temporary(module, device, dtype or torch.float32)
    check_real(module)


def compare(
    wanted: Mapping[str, Tensor], entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], label: str
) -> None:
    """Raise MissingTensorsError, ExtraTensorsError or TensorShapeError unless names, shapes and kinds agree."""
    missing = [name for name in wanted if name not in entries]
    if missing:
        raise MissingTensorsError(
            f"{label} lacks {some(missing)} that the model has; it belongs to another model or configuration."
        )
    extra = [name for name in entries if name not in wanted]
    if extra:
        raise ExtraTensorsError(
            f"{label} has {some(extra)} that the model does not have; it belongs to another model or configuration."
        )
    wrong = []
    for name, tensor in wanted.items():
        dtype, shape = entries[name]
        if tuple(tensor.shape) != shape:
            wrong.append(f"{name} is {list(shape)} and should be {list(tensor.shape)}")
        elif _kind(dtype) != _kind(tensor.dtype):
            wrong.append(f"{name} is {_plain(dtype)} and should be {_plain(tensor.dtype)}")
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise TensorShapeError(
            f"{label} does not fit the model: {'; '.join(wrong[:3])}{more}; it belongs to another configuration."
        )


def some(names: Sequence[str]) -> str:
    """The first tensors of a list, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the tensor{'s' * (len(names) > 1)} {', '.join(names[:3])}{more}"


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_floating_point:
        return "float"
    if dtype.is_complex:
        return "complex"
    return "bool" if dtype is torch.bool else "int"


def _places(module: nn.Module) -> dict[int, list[tuple[nn.Module, str]]]:
    """Where each tensor is kept; a tied tensor has several places."""
    places: dict[int, list[tuple[nn.Module, str]]] = {}
    for owner in module.modules():
        for home in (owner._parameters, owner._buffers):
            for attribute, tensor in home.items():
                if tensor is not None:
                    places.setdefault(id(tensor), []).append((owner, attribute))
    return places


def _converted(file: TensorFile, name: str, blank: Tensor, dtype: torch.dtype) -> Tensor:
    """One tensor in its own memory: a mapped file could change under the model later."""
    raw = file.read(name)
    value = raw.to(dtype if blank.is_floating_point() else blank.dtype, copy=True)
    if not finite(value):
        where = "" if finite(raw) else ", in the file itself"
        raise TensorValueError(
            f"{file.label} holds NaN or infinity in {name}{where or f' when read as {_plain(value.dtype)}'};"
            " get a sound copy of the weights or another dtype."
        )
    return value


def finite(tensor: Tensor) -> bool:
    """Whether all values are finite, without a temporary of the tensor's size."""
    if tensor.numel() == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.element_size() == 1:
        tensor = tensor.float()
    low, high = torch.aminmax(tensor)
    return bool(torch.isfinite(low) and torch.isfinite(high))


def _move_temporary(module: nn.Module, device: str | torch.device, dtype: torch.dtype) -> None:
    """Cached buffers follow the parameters to their device and, like `Module.to`, to their dtype."""
    for owner in module.modules():
        for name in owner._non_persistent_buffers_set:
            buffer = owner._buffers.get(name)
            if buffer is not None:
                owner._buffers[name] = buffer.to(device, dtype if buffer.is_floating_point() else buffer.dtype)
