"""The precision and threads of a run: what `auto` means here, what a resumed run keeps, and what is slow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import broadcast

from mmzoo.hardware import fast_precision, slow_precision
from mmzoo.training.recipe import AUTO, TrainingRecipe

if TYPE_CHECKING:
    from accelerate import PartialState

CODES = ("fp32", "bf16", "fp16")
"""Precisions as ranks send them to each other."""


@dataclass(frozen=True, slots=True)
class Compute:
    """How a run computes.

    Args:
        precision: Precision of the forward and backward pass; never `auto`.
        threads: Threads of torch in each process.
    """

    precision: str
    threads: int

    def __str__(self) -> str:
        return f"precision {self.precision} and {self.threads} thread{'s' * (self.threads > 1)}"


def chosen_here(recipe: TrainingRecipe, device: str) -> Compute:
    """The recipe's precision and threads, with `auto` decided by this machine.

    Args:
        recipe: The recipe.
        device: The type of device to train on.
    """
    precision = fast_precision(device) if recipe.precision == AUTO else recipe.precision
    return Compute(precision, recipe.num_threads if isinstance(recipe.num_threads, int) else own_threads(recipe))


def own_threads(recipe: TrainingRecipe) -> int:
    """torch's own setting; with `auto`, divided among the processes of this machine unless OMP_NUM_THREADS is set."""
    processes = 1 if recipe.num_threads is None or "OMP_NUM_THREADS" in os.environ else _local_processes()
    return max(1, torch.get_num_threads() // processes)


def _local_processes() -> int:
    named = os.environ.get("LOCAL_WORLD_SIZE", "")
    return int(named) if named.isdigit() and int(named) else 1


def settled(
    recipe: TrainingRecipe, device: str, checkpoint: Mapping[str, Any] | None
) -> tuple[Compute, tuple[str, ...]]:
    """How a run computes, and lines for its log.

    Args:
        recipe: The recipe.
        device: The type of device to train on.
        checkpoint: state.json of the checkpoint to resume, whose choice replaces `auto`; None for a new run.
    """
    own = chosen_here(recipe, device)
    before = {} if checkpoint is None else _recorded(checkpoint)
    kept = Compute(
        before.get("precision", own.precision) if recipe.precision == AUTO else own.precision,
        before.get("threads", own.threads) if recipe.num_threads == AUTO else own.threads,
    )
    lines = []
    if kept != own:
        lines.append(
            f"The run keeps its {kept}, though this machine would choose {own}; set precision or num_threads to change"
            " them."
        )
    if slow := slow_precision(kept.precision, device):
        lines.append(f"warning: {slow}")
    return kept, tuple(lines)


def _recorded(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The precision and threads of a checkpoint; those of older ones are in their recipe, unless torch chose."""
    recipe = checkpoint.get("recipe") or {}
    old = {"precision": recipe.get("precision"), "threads": recipe.get("num_threads")}
    found = checkpoint.get("compute") or old
    return {key: value for key, value in found.items() if value in CODES or isinstance(value, int)}


def agreed(compute: Compute, processes: PartialState) -> Compute:
    """The choice of process 0, in every process: ranks that compute differently would drift apart."""
    if processes.num_processes == 1:
        return compute
    numbers = torch.tensor([CODES.index(compute.precision), compute.threads], device=processes.device)
    code, threads = broadcast(numbers).tolist()
    return Compute(CODES[code], threads)
