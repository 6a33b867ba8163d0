"""Load weights into a model on the meta device: names and shapes are checked first, then tensors read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mmzoo.composition.build import own_tensors
from mmzoo.composition.skeleton import skeleton
from mmzoo.errors import (
    ExtraTensorsError,
    MissingTensorsError,
    MmzooError,
    PluginError,
    TensorShapeError,
    TensorValueError,
)
from mmzoo.nn.precise import Float32Buffers, float32_buffers
from mmzoo.schema import first_line


class TensorFile(Protocol):
    """An opened weights file. `entries` come from its header alone; `read` returns the values of one tensor."""

    @property
    def label(self) -> str:
        """The file's name in messages."""

    @property
    def entries(self) -> Mapping[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Data type and shape of every tensor."""

    def read(self, name: str) -> Tensor:
        """The values of one tensor on the CPU, possibly in memory mapped from the file."""


def load_weights(
    module: nn.Module,
    file: TensorFile,
    *,
    prefix: str = "",
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> None:
    """Assign every tensor of the file to a module built on the meta device, and recompute its other buffers.

    Args:
        module: A module whose tensors are on the meta device.
        file: The opened weights.
        prefix: `quantizer.` loads that part only; the file's other tensors are not read.
        device: The device to load onto.
        dtype: The dtype of floating-point tensors; None is float32, whatever the file holds. Integer and bool tensors
            keep the model's dtype, and the buffers of `Float32Buffers` stay float32.

    Raises:
        MissingTensorsError, ExtraTensorsError, TensorShapeError: The file does not fit; no values were read.
        TensorValueError: A value is NaN or infinity.
        PluginError: A tensor that is not stored has not been recomputed.
    """
    wanted = own_tensors(module)
    entries = {name.removeprefix(prefix): entry for name, entry in file.entries.items() if name.startswith(prefix)}
    compare(wanted, entries, file.label)
    restore_buffers(module)
    values: dict[int, Tensor] = {}
    exact = float32_buffers(module)
    for name, blank in wanted.items():
        chosen = torch.float32 if dtype is None or id(blank) in exact else dtype
        value = _converted(file, prefix + name, blank, chosen).to(device)
        values[id(blank)] = nn.Parameter(value, blank.requires_grad) if isinstance(blank, nn.Parameter) else value
    # Every name of a tied tensor gets the same object, so it stays tied. `compare` was already strict.
    names = module.state_dict(keep_vars=True).items()
    module.load_state_dict({name: values[id(t)] for name, t in names if id(t) in values}, strict=False, assign=True)
    if dtype is not None or torch.device(device).type != "cpu":
        _move_temporary(module, device, dtype or torch.float32)
    check_real(module)


def compare(
    wanted: Mapping[str, Tensor], entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], label: str
) -> None:
    """Raise MissingTensorsError, ExtraTensorsError or TensorShapeError unless names, shapes and dtype kinds match."""
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
    """The first three tensor names and the number of others, for a message."""
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


def _converted(file: TensorFile, name: str, blank: Tensor, dtype: torch.dtype) -> Tensor:
    """One tensor, copied because a mapped file could change later."""
    raw = file.read(name)
    value = raw.to(dtype if blank.is_floating_point() else blank.dtype, copy=True)
    if not finite(value):
        where = f"when read as {_plain(value.dtype)}" if finite(raw) else "in the file itself"
        raise TensorValueError(
            f"{file.label} holds NaN or infinity in {name} {where}; use another dtype or another copy of the weights."
        )
    return value


def finite(tensor: Tensor) -> bool:
    """Whether all values are finite, computed without a temporary of the tensor's size."""
    if tensor.numel() == 0 or not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.element_size() == 1:
        tensor = tensor.float()
    low, high = torch.aminmax(tensor)
    return bool(torch.isfinite(low) and torch.isfinite(high))


def _move_temporary(module: nn.Module, device: str | torch.device, dtype: torch.dtype) -> None:
    """Move cached buffers to the parameters' device and, like `Module.to`, to their dtype."""
    for _, owner, name, buffer in _cached(module):
        cast = buffer.is_floating_point() and not isinstance(owner, Float32Buffers)
        owner._buffers[name] = buffer.to(device, dtype if cast else buffer.dtype)


def _cached(module: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """The buffers that are not stored: the path and module of the owner, the buffer's name, and the buffer."""
    for path, owner in module.named_modules():
        for name in sorted(owner._non_persistent_buffers_set):
            buffer = owner._buffers.get(name)
            if buffer is not None:
                yield path, owner, name, buffer


def restore_buffers(module: nn.Module) -> None:
    """Allocate on the CPU the buffers that are not stored, and have their owners recompute them.

    Neither `accelerate.init_empty_weights` nor `load_state_dict` does this: the first leaves such a buffer on meta or
    as its constructor drew it, the second does not know about it.

    Raises:
        PluginError: `reset_parameters` of the owner failed or did not write a buffer.
    """
    blanks = []
    for path, owner, name, buffer in _cached(module):
        if buffer.is_meta:
            owner._buffers[name] = blank = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")
            blanks.append((f"{path}.{name}".removeprefix("."), owner, name, blank, blank._version))
    with torch.no_grad(), torch.device("cpu"), skeleton(allocate=False):
        for owner in dict.fromkeys(owner for _, owner, *_ in blanks):
            try:
                getattr(owner, "reset_parameters", lambda: None)()
            except MmzooError:
                raise
            except Exception as error:
                raise PluginError(
                    f"{type(owner).__name__}.reset_parameters failed while its parameters were on the meta"
                    f" device ({first_line(error)}); compute buffers from settings only."
                ) from error
    for dotted, owner, name, blank, version in blanks:
        now = owner._buffers.get(name)
        if now is None or now.is_meta or (now is blank and now._version == version):
            raise PluginError(
                f"The buffer {dotted} is not stored in the weights, and {type(owner).__name__} does not recompute it;"
                " fill it in reset_parameters, or register it with persistent=True."
            )


def check_real(module: nn.Module) -> None:
    """Raise PluginError with the first parameter, buffer or plain attribute that holds a tensor without values."""
    for prefix, owner in module.named_modules():
        for key, value in {**vars(owner), **owner._parameters, **owner._buffers}.items():
            if key not in ("_parameters", "_buffers", "_modules") and _lacks_values(value):
                name = f"{prefix}.{key}".removeprefix(".")
                raise PluginError(
                    f"{name} of {type(owner).__name__} has no values after loading;"
                    " register it as a parameter or buffer, or recompute it in reset_parameters."
                )


_HOLDERS = (Tensor, nn.Module, dict, list, tuple)


def _lacks_values(value: Any) -> bool:
    """Whether a value is or contains a tensor on the meta device."""
    if isinstance(value, Tensor):
        return value.is_meta
    if isinstance(value, nn.Module):
        return any(tensor.is_meta for tensor in value.state_dict().values())
    if isinstance(value, dict):
        value = list(value.values())
    # Types first: a lexicon has a hundred thousand words, and every load looks at it.
    if not isinstance(value, (list, tuple)) or not any(issubclass(kind, _HOLDERS) for kind in set(map(type, value))):
        return False
    return any(map(_lacks_values, value))
