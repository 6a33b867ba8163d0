"""AdamW, its learning-rate schedule, and its state as named tensors."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from mmzoo.errors import CheckpointError
from mmzoo.training.shard import complete, is_split, local, local_gradients, split_as


def lr_factor(step: int, *, steps: int, warmup_steps: int, final_fraction: float) -> float:
    """Fraction of the peak rate at update `step` (from 0): linear warm-up, then a cosine to `final_fraction`."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def trainable_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Name to parameter, for those that require gradients."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def adamw(
    parameters: Mapping[str, nn.Parameter], *, lr: float, betas: tuple[float, float], weight_decay: float, eps: float
) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only, not on biases, gains and other vectors."""
    decayed = [p for name, p in parameters.items() if p.ndim > 1 and not name.endswith("bias")]
    free = [p for name, p in parameters.items() if p.ndim <= 1 or name.endswith("bias")]
    groups = [
        {"params": group, "weight_decay": decay} for group, decay in ((decayed, weight_decay), (free, 0.0)) if group
    ]
    fused = all(p.dtype in (torch.float32, torch.float64) and p.device.type in ("cpu", "cuda") for p in decayed + free)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, fused=fused or None)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def optimizer_tensors(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The optimizer's state as `<parameter>/<entry>` tensors; all ranks call this together if some are sharded."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            value = torch.as_tensor(value)
            tensors[f"{name}/{key}"] = complete(local(value), value)
    return tensors


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Load what `optimizer_tensors` returned.

    Raises:
        CheckpointError: A name is not a parameter, or its shape differs.
    """
    for key, value in tensors.items():
        name, _, entry = key.rpartition("/")
        if name not in parameters:
            raise CheckpointError(f"The checkpoint's optimizer has state for {name!r}, which the model does not train.")
        parameter = parameters[name]
        if entry != "step" and value.shape != parameter.shape:
            raise CheckpointError(
                f"The checkpoint's optimizer state {key!r} has shape {tuple(value.shape)}; "
                f"the parameter has {tuple(parameter.shape)}."
            )
        optimizer.state[parameter][entry] = (
            value.to(parameter.device, copy=True) if entry == "step" else split_as(value, parameter)
        )


def clip_gradients(parameters: Collection[nn.Parameter], limit: float | None) -> Tensor:
    """The 2-norm of all gradients, which are then scaled down to `limit`, if given."""
    gradients = local_gradients(parameters)
    norm = torch.nn.utils.get_total_norm(gradients)
    if any(is_split(parameter) for parameter in parameters):
        square = norm.square()
        torch.distributed.all_reduce(square)
        norm = square.sqrt()
    if limit is not None and gradients:
        torch._foreach_mul_(gradients, torch.clamp(limit / (norm + 1e-6), max=1.0))
    return norm
