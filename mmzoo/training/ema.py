"""An exponential moving average of a model's parameters and floating-point buffers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmzoo.training.shard import complete, local, part_of


class OwnTensors:
    """The persistent tensors of a module, looked up at each call because a module may replace its buffers.

    Args:
        module: The module.
        skip: Prefixes of names to leave out, such as `tokenizer.` for a model that is stored in its own folder.
    """

    def __init__(self, module: nn.Module, skip: tuple[str, ...] = ()) -> None:
        names = [name for name in module.state_dict() if not name.startswith(skip or ("\0",))]
        self.names = names
        self._places = [_place(module, name) for name in names]

    def tensors(self) -> list[Tensor]:
        """The live tensors, or this rank's parts of those that are sharded; in the order of `names`, without copies."""
        return [local(find()) for find in self._places]

    def state(self) -> dict[str, Tensor]:
        """Name to complete tensor: the live one unless it is sharded. If some are, all ranks call this together."""
        return self.completed(self.tensors())

    def completed(self, parts: Iterable[Tensor]) -> dict[str, Tensor]:
        """Name to complete tensor, from parts in the order of `names`; all ranks call this together."""
        live = [find() for find in self._places]
        return {name: complete(part.detach(), like) for name, part, like in zip(self.names, parts, live, strict=True)}

    def shapes(self) -> dict[str, torch.Size]:
        """Name to complete shape."""
        return {name: find().shape for name, find in zip(self.names, self._places, strict=True)}

    def parts(self, state: Mapping[str, Tensor]) -> list[Tensor]:
        """This rank's parts of complete tensors, in the order of `names`."""
        return [part_of(state[name], find()) for name, find in zip(self.names, self._places, strict=True)]

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Overwrite the live tensors with complete ones."""
        for live, part in zip(self.tensors(), self.parts(state), strict=True):
            live.copy_(part)


def _place(module: nn.Module, name: str) -> Callable[[], Tensor]:
    owner_name, _, key = name.rpartition(".")
    owner = module.get_submodule(owner_name)
    store = owner._parameters if key in owner._parameters else owner._buffers
    return lambda: store[key]  # type: ignore[return-value]


class Ema:
    """Averaged copies of the live tensors, moved toward them after each update.

    Args:
        own: The tensors to average.
        decay: Decay of the average.
        warmup: Limit the decay to (1 + n) / (10 + n) after n updates, so that the first steps fade quickly.
    """

    def __init__(self, own: OwnTensors, *, decay: float, warmup: bool) -> None:
        self._own = own
        self.decay = decay
        self.warmup = warmup
        self.updates = 0
        self._floating = [i for i, tensor in enumerate(own.tensors()) if tensor.is_floating_point()]
        self._shadow = [tensor.detach().clone() for tensor in self._live()]

    def _live(self) -> list[Tensor]:
        tensors = self._own.tensors()
        return [tensors[i].detach() for i in self._floating]

    def decay_at(self, updates: int) -> float:
        """The decay used after `updates` updates."""
        return min(self.decay, (1 + updates) / (10 + updates)) if self.warmup else self.decay

    @torch.no_grad()
    def update(self) -> None:
        """Move the average toward the live tensors."""
        decay = self.decay_at(self.updates)
        torch._foreach_lerp_(self._shadow, self._live(), 1.0 - decay)
        self.updates += 1

    def state(self) -> dict[str, Tensor]:
        """A complete state dict: averages of the floating-point tensors, live values of the others.

        All ranks call this together.
        """
        parts = self._own.tensors()
        for i, shadow in zip(self._floating, self._shadow, strict=True):
            parts[i] = shadow
        return self._own.completed(parts)

    @torch.no_grad()
    def load(self, state: dict[str, Tensor], updates: int) -> None:
        """Load what `state` returned."""
        parts = self._own.parts(state)
        for i, shadow in zip(self._floating, self._shadow, strict=True):
            shadow.copy_(parts[i])
        self.updates = updates

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside the block the module holds the average; afterward its own values are restored.

        Changes to floating-point tensors inside the block are lost.
        """
        backup = [tensor.clone() for tensor in self._live()]
        self.copy_to_model()
        try:
            yield
        finally:
            with torch.no_grad():
                for live, old in zip(self._live(), backup, strict=True):
                    live.copy_(old)

    @torch.no_grad()
    def copy_to_model(self) -> None:
        """Overwrite the module's tensors with the average."""
        for live, shadow in zip(self._live(), self._shadow, strict=True):
            live.copy_(shadow)

    @torch.no_grad()
    def heal_buffers(self, parameters: Collection[str]) -> list[str]:
        """Reset every non-finite buffer to its average.

        Args:
            parameters: The name of each parameter; a skipped update has not changed those.

        Returns:
            The names of the buffers that were reset.
        """
        healed, tensors = [], self._own.tensors()
        for i, shadow in zip(self._floating, self._shadow, strict=True):
            if self._own.names[i] not in parameters and not torch.isfinite(tensors[i]).all():
                tensors[i].copy_(shadow)
                healed.append(self._own.names[i])
        return healed
