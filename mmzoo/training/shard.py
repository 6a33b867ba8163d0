"""Parameters, gradients and moments split over the ranks (FSDP2), and complete tensors from their parts and back."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from mmzoo.errors import ConfigError

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

M = TypeVar("M", bound=nn.Module)
PLAIN = frozenset({Tensor, nn.Parameter})
"""Types of tensors that are not split."""


def copied(model: M, frozen: Iterable[nn.Module]) -> M:
    """A copy that shares the frozen submodules."""
    return copy.deepcopy(model, {id(module): module for module in frozen})


def shard(model: nn.Module, blocks: Sequence[nn.Module], device: torch.device) -> None:
    """Split the trainable parameters over the ranks; each block's are complete only while the block runs.

    Args:
        model: What `forward` is called on.
        blocks: Parts of it that may be complete one at a time.
        device: Where the parameters are.

    Raises:
        ConfigError: A parameter cannot be split.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.ndim == 0:
            raise ConfigError(
                f"shard cannot split the parameter {name}, a single number; leave shard out.", path="shard"
            )
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    frozen = {parameter for parameter in model.parameters() if not parameter.requires_grad}
    for block in _separable(model, blocks):
        methods = _methods(type(block))  # fully_shard makes it a subclass with methods of its own
        fully_shard(block, mesh=mesh, ignored_params=frozen)
        for method in methods:
            register_fsdp_forward_method(block, method)
    fully_shard(model, mesh=mesh, ignored_params=frozen)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_force_sum_reduction_for_comms(True)  # gloo has no mean


def _separable(model: nn.Module, blocks: Sequence[nn.Module]) -> list[nn.Module]:
    """The blocks that share no parameter with anything else."""
    owners: dict[int, set[int]] = {}
    inside = {id(module): index for index, block in enumerate(blocks) for module in block.modules()}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), set()).add(inside.get(id(module), -1))
    return [block for block in blocks if all(len(owners[id(parameter)]) == 1 for parameter in block.parameters())]


def _methods(kind: type[nn.Module]) -> list[str]:
    """Public methods besides `forward`, which may need the parameters too."""
    own = {name for base in kind.__mro__ if base not in nn.Module.__mro__ for name in vars(base)}
    return sorted(
        name
        for name in own - {"forward", "reset_parameters"}
        if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(kind, name))
    )


def is_split(tensor: Tensor) -> TypeGuard[DTensor]:
    """Whether this rank holds only a part of the tensor."""
    return type(tensor) not in PLAIN and hasattr(tensor, "to_local")  # asked of every tensor in every step


def local(tensor: Tensor) -> Tensor:
    """This rank's part, without a copy."""
    return tensor.to_local().detach() if is_split(tensor) else tensor


def complete(part: Tensor, like: Tensor) -> Tensor:
    """The tensor whose part is given, split as `like`; all ranks call this together."""
    return _joined(part, like).full_tensor() if is_split(like) else part


def part_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This rank's part of a complete tensor, split as `like`."""
    if is_split(like):
        (placement,) = like.placements
        axis: int = placement.dim  # type: ignore[attr-defined]
        chunks = tensor.chunk(like.device_mesh.size(), axis)
        rank = like.device_mesh.get_local_rank()
        return chunks[rank] if rank < len(chunks) else tensor.narrow(axis, 0, 0)
    return tensor


def split_as(tensor: Tensor, like: Tensor) -> Tensor:
    """A complete tensor, split as `like` and on its device; a copy."""
    part = part_of(tensor, like).to(like.device, copy=True)
    return _joined(part, like) if is_split(like) else part


def _joined(part: Tensor, like: DTensor) -> DTensor:
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        part, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )


def local_gradients(parameters: Collection[nn.Parameter]) -> list[Tensor]:
    """This rank's part of each gradient, without copies."""
    return [local(parameter.grad) for parameter in parameters if parameter.grad is not None]
