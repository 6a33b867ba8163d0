"""The memory of a training: what its tensors take, what a step adds, and what to change when it runs out."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.weak import WeakIdKeyDictionary

from mmzoo.system import memory, size_text
from mmzoo.training.recipe import TrainingRecipe
from mmzoo.training.shard import local

if TYPE_CHECKING:
    from mmzoo.training.step import Stepper

KNOBS = 3
"""How many changes an error suggests."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes of the tensors that one process holds from step to step.

    Attributes:
        weights: Parameters and buffers, also of frozen models and critics.
        gradients: Gradients of what is trained.
        moments: AdamW's two moments of what is trained.
        averages: The exponential moving average.
    """

    weights: int
    gradients: int
    moments: int
    averages: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.gradients + self.moments + self.averages

    def __str__(self) -> str:
        return (
            f"weights take {size_text(self.weights)}, gradients {size_text(self.gradients)}, moments"
            f" {size_text(self.moments)} and averages {size_text(self.averages)}"
        )


def held(stepper: Stepper) -> Held:
    """What a process holds, with only its parts of sharded tensors."""
    modules: list[nn.Module] = [stepper.head, stepper.whole]
    if stepper.adversary is not None:
        modules.append(stepper.adversary)
    tensors = {id(tensor): tensor for module in modules for tensor in chain(module.parameters(), module.buffers())}
    trained = byte_size([*stepper.parameters.values(), *stepper.adversary_parameters.values()])
    averaged = byte_size(tensor for tensor in stepper.own.tensors() if tensor.is_floating_point())
    return Held(byte_size(tensors.values()), trained, 2 * trained, averaged)


def byte_size(tensors: Iterable[Tensor]) -> int:
    """Bytes of tensors, or of this rank's parts of them."""
    return sum(part.numel() * part.element_size() for part in map(local, tensors))


def device_memory(device: torch.device) -> tuple[int, int]:
    """(free, total) bytes of a GPU, or of the machine for a training on the CPU."""
    return torch.cuda.mem_get_info(device) if device.type == "cuda" else memory()


class Activations(TorchDispatchMode):
    """Measures the most memory that forward and backward passes take at once, without the gradients of parameters.

    It follows the storage of every tensor that an operation makes, so it is exact and the same on every device, but
    does not see the working space within an operation.

    Args:
        parameters: The parameters that are trained.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._now = 0
        self._parameters = list(parameters)
        self._known = WeakIdKeyDictionary()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._follow((args, kwargs), new=False)  # what existed before
        result = func(*args, **kwargs)
        self._follow(result, new=True)
        backward = torch._C._current_graph_task_id() != -1  # type: ignore[attr-defined]
        if self._now > self.peak and (backward or torch.is_grad_enabled()):
            gradients = byte_size(p.grad for p in self._parameters if p.grad is not None) if backward else 0
            self.peak = max(self.peak, self._now - gradients)
        return result

    def _follow(self, values: Any, *, new: bool) -> None:
        for value in tree_iter(values):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                if storage not in self._known:
                    self._known[storage] = None
                    if new:
                        size = storage.nbytes()
                        self._now += size
                        weakref.finalize(storage, self._freed, size)

    def _freed(self, size: int) -> None:
        self._now -= size


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory was not enough; on the CPU, torch raises a RuntimeError."""
    text = str(error)
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in text or "not enough memory" in text)
    )


def knobs(recipe: TrainingRecipe, *, precision: str, world: int, blocks: bool) -> list[str]:
    """Keys of the recipe that lower the memory of a process, the cheapest first.

    Args:
        recipe: The recipe.
        precision: The precision that it is trained in.
        world: The number of processes.
        blocks: Whether the model has blocks, whose activations can be computed again.
    """
    key, size = ("batch_size", recipe.batch_size) if recipe.batch_size else ("batch_frames", recipe.batch_frames)
    size, divisible = size or 1, recipe.batch_size is None or recipe.batch_size > world * recipe.accumulate
    candidates = (
        (divisible, f"accumulate={2 * recipe.accumulate}"),
        (blocks and not recipe.checkpoint_activations, "checkpoint_activations=true"),
        (world > 1 and not recipe.shard, "shard=true"),
        (precision == "fp32", "precision=bf16"),
        (size > world, f"{key}={max(world, size // 2)}"),
        (True, f"--nproc {2 * world} on {2 * world} GPUs"),
        (True, "a smaller model by model.overrides"),
    )
    return [knob for useful, knob in candidates if useful]


def alternatives(choices: Sequence[str]) -> str:
    """Choices as an enumeration: `a, b or c`."""
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


def out_of_memory(error: BaseException, stepper: Stepper, where: str, precision: str) -> str:
    """The sentence of an error: what does not fit, and what to change.

    Args:
        error: What was raised.
        stepper: The training.
        where: When it was raised.
        precision: The precision of the training.
    """
    world = stepper.accelerator.num_processes
    _, total = device_memory(stepper.accelerator.device)
    tried = knobs(stepper.recipe, precision=precision, world=world, blocks=bool(stepper.blocks))[:KNOBS]
    return (
        f"Out of memory in {where} ({first_line(error)}): {held(stepper)} of {size_text(total)}, and the rest is for"
        f" the activations of the batch; try {alternatives(tried)}, and see `mmzoo plan` for what a step needs."
    )


def first_line(error: BaseException) -> str:
    """What an error says first."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removesuffix(".")
