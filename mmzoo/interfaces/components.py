"""The component contracts. A plugin subclasses one of them and registers it by name.

The keyword-only, typed arguments of the constructor are the component's configuration: JSON types,
checked against the signature, kept in `config` by whoever builds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from mmzoo.interfaces.ports import Link, Ports, Slot
from mmzoo.interfaces.values import Condition, Latents, Losses, Quantized

if TYPE_CHECKING:
    from datasets import Dataset

Config = dict[str, Any]


class Component(nn.Module):
    """Base of every component with parameters. `config` holds the arguments it was built with."""

    config: Config

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """What a component with this configuration takes and gives; must not build anything."""
        return Ports()

    def reset_parameters(self) -> None:
        """Give every parameter and buffer its initial value; called after a build on the meta device.

        The default resets each child that can reset itself. A component that creates parameters or
        buffers directly must override this and call `super().reset_parameters()`.
        """
        for child in self.children():
            _reset(child)


def _reset(module: nn.Module) -> None:
    # Children first: a parent that zeroes a child's weights (adaLN-zero) must have the last word.
    if not isinstance(module, Component):
        for child in module.children():
            _reset(child)
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()


class ModalityEncoder(Component, ABC):
    """Raw data of one modality to latents, and back where it can."""

    modality: ClassVar[str]

    @abstractmethod
    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        """Raw batch (speech `[B, T]`, images `[B, H, W, 3]`, token ids `[B, N]`) to latents `[B, N, D]`.

        mask: bool, the shape of the raw batch without its channels; True where there is data.
        """

    def decode(self, latents: Latents) -> Any:
        """Latents back to a raw batch of the layout that `encode` takes; for text, scores `[B, N, ids]`."""
        from mmzoo.errors import InputError

        raise InputError(f"{type(self).__name__} cannot decode: it only encodes.")


class Quantizer(Component, ABC):
    """Vectors to codes and back. Codes are int64 `[B, N, Q]`; -1 marks padding, which `decode` refuses."""

    @property
    @abstractmethod
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each of the Q codebooks."""

    @property
    def bits_per_step(self) -> float:
        """Bits a position costs: the sum of log2 of the codebook sizes."""
        import math

        return sum(math.log2(size) for size in self.codebook_sizes)

    @abstractmethod
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to codes `[B, N, Q]`."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]` to vectors `[B, N, D]`. Raises InputError on -1 or a code out of range."""

    @abstractmethod
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize with gradients and losses; in training mode codebooks may update themselves."""


class Fusion(Component, ABC):
    """Latents of several modalities to one vector an item; any of them may be absent, from all items or from some.

    A modality is absent from an item where its mask is False throughout, and from a batch where it is not given.
    """

    @abstractmethod
    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """Latents `[B, N, D]` of each modality by its name to `[B, D]`."""

    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        """How much each modality counts for each item, `[B]` by name, adding up to 1; for fusions that weigh."""
        from mmzoo.errors import InputError

        raise InputError(f"{type(self).__name__} has no gates: it does not weigh modalities.")


class DiffusionBackbone(Component, ABC):
    """Predicts from a noisy sequence what the sampler needs (velocity, noise or data)."""

    @abstractmethod
    def precompute(self, t: Tensor, condition: Condition) -> Any:
        """Everything that depends only on the times and the condition, for S times at once.

        t: float `[S]` in [0, 1]. Returns a table whose entry `i` `forward(..., table=table, step=i)` uses.
        """

    @abstractmethod
    def forward(
        self,
        x_t: Latents,
        t: Tensor | None,
        condition: Condition,
        *,
        table: Any = None,
        step: int | None = None,
    ) -> Tensor:
        """Prediction `[B, N, D]` for the noisy latents at times t `[B]`, or at `step` of a precomputed table."""

    def hidden(self, x_t: Latents, t: Tensor, condition: Condition, *, depth: int) -> Tensor:
        """What stands inside after `depth` blocks, `[B, N, width]`: features for recognition."""
        from mmzoo.errors import InputError

        raise InputError(f"{type(self).__name__} does not show its inner features.")


class Sampler(ABC):
    """A diffusion process: how data become noise in training, and how noise becomes data in sampling.

    Times run from 0 (noise) to 1 (data). Registered like a component, but holds no parameters.
    """

    config: Config

    @abstractmethod
    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`count` training times in [0, 1], float `[count]`."""

    @abstractmethod
    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(x_t, target) for data and noise `[B, N, D]` at times t `[B]`."""

    @abstractmethod
    def schedule(self, num_steps: int) -> Tensor:
        """The times at which the backbone will be evaluated, in order: input of `precompute`."""

    @abstractmethod
    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """Integrate from noise `[B, N, D]` to data; `predict(x, index)` gives the prediction at `schedule[index]`."""


class Predict(Protocol):
    """The backbone with everything but the current state bound."""

    def __call__(self, x: Tensor, index: int) -> Tensor: ...


class Examples(Protocol):
    """Training examples of one head over one dataset: map-style, random access, cheap lengths.

    Examples that also have `labels`, one hashable for each, can be drawn in balance.
    """

    lengths: Sequence[int]

    def __len__(self) -> int: ...

    def example(self, index: int, generator: torch.Generator) -> Any:
        """Example `index`; every random choice (crop, dropout) comes from the generator."""

    def collate(self, examples: list[Any]) -> Mapping[str, Tensor]:
        """A padded batch of tensors."""


class TaskHead(Component, ABC):
    """A model: it owns named component slots, its `__call__` is the task and its methods are the verbs.

    Slots are set as attributes after the head is constructed; `connect` runs once they are all there.
    """

    slots: ClassVar[Mapping[str, Slot]] = {}
    links: ClassVar[Sequence[Link]] = ()
    name: str = ""
    recipe: Mapping[str, Any]
    folder: Path | None = None
    tree: Any = None
    """The resolved model that it was built from, a `mmzoo.hub.tree.ResolvedModel`."""

    def connect(self) -> None:
        """Called once all slots are filled; build here what depends on the parts, not in the constructor."""

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`, but models in slots stay in eval mode: their weights are another repo's."""
        super().train(mode)
        for name, slot in self.slots.items():
            if slot.model and isinstance(model := getattr(self, name, None), nn.Module):
                model.eval()
        return self

    def files(self) -> Mapping[str, bytes]:
        """Files beside the weights that the model needs (a lexicon, class names), by file name."""
        return {}

    def load_files(self, folder: Path) -> None:
        """Read what `files` wrote; called after the weights are loaded."""

    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """What the model makes of a raw batch, as another model's encoder gets it: vectors, or codes `[B, N, Q]`."""
        from mmzoo.errors import InputError

        raise InputError(f"{self.name or type(self).__name__} has no features for other models.")

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """(inputs, outputs) by which a copy of the model is checked; None makes the inputs from a fixed seed.

        Outputs are floats before quantisation and decodings of given codes, never sampled codes.
        """
        return {}, {}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Turn dataset rows into training examples; expensive features go under `cache`."""
        from mmzoo.errors import TrainingError

        raise TrainingError(f"{type(self).__name__} cannot be trained: it defines no examples.")

    @abstractmethod
    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        """Losses of one batch; random draws come from the generator."""

    def adversary(self) -> nn.Module | None:
        """A network trained against this head (a discriminator); it is never part of the saved model."""
        return None

    def finish(self, examples: Examples) -> None:
        """Measure on training examples what the model stores beside its weights; called once training has ended.

        The weights are the averaged ones, the head is in evaluation mode and no gradients are recorded.
        """

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """(name, Audio or Image) pairs that show progress on a few rows."""
        return iter(())

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device


Model = TaskHead
