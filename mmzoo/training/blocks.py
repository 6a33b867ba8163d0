"""The blocks of a model, the unit in which activations are recomputed, code is compiled and parameters are sharded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from mmzoo.interfaces import Quantizer

CONTAINERS = (nn.ModuleList, nn.ModuleDict)
STATEFUL = (Quantizer, _NormBase)
"""A second forward pass would update these a second time."""


def blocks_of(model: nn.Module, frozen: Iterable[nn.Module] = ()) -> list[nn.Module]:
    """The repeated parts of a model: the elements of its outermost `nn.ModuleList`s that have parts of their own.

    Args:
        model: The model.
        frozen: Submodules that are not trained, in which no blocks are looked for.
    """
    return list(dict.fromkeys(_blocks(model, {id(module) for module in frozen})))


def _blocks(module: nn.Module, skip: set[int]) -> Iterator[nn.Module]:
    for child in module.children():
        if id(child) in skip or isinstance(child, Quantizer):
            continue
        if isinstance(module, nn.ModuleList) and _is_block(child):
            yield child
        else:
            yield from _blocks(child, skip)


def _is_block(module: nn.Module) -> bool:
    return (
        not isinstance(module, CONTAINERS)
        and any(True for _ in module.children())
        and type(module).forward is not nn.Module.forward  # otherwise its owner calls methods of other names
        and any(parameter.requires_grad for parameter in module.parameters())
        and not any(isinstance(part, STATEFUL) for part in module.modules())
    )


def checkpoint_activations(blocks: Iterable[nn.Module]) -> None:
    """Let blocks keep only their inputs in training, and compute the rest again in the backward pass."""
    for block in blocks:
        block.forward = _recomputed(block, block.forward)  # type: ignore[method-assign]


def _recomputed(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if block.training and torch.is_grad_enabled():
            return checkpoint(forward, *args, use_reentrant=False, **kwargs)
        return forward(*args, **kwargs)

    return recomputed


def compile_blocks(blocks: Iterable[nn.Module]) -> None:
    """Compile each block by itself: equal blocks share their code, and names of parameters stay as they are."""
    for block in blocks:
        block.compile()


def release(blocks: Iterable[nn.Module]) -> None:
    """Undo both."""
    for block in blocks:
        vars(block).pop("forward", None)
        block._compiled_call_impl = None
