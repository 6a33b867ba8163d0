"""Task heads, which are models, and the small protocols of what a head may be able to do beside its task.

A head is a `TaskHead`; whoever needs more of it asks for a protocol: the trainer for `Trainable`, saving for
`HasFiles`, another model's encoder for `HasFeatures`. A head declares none of them; it has the methods or it does not.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from mmzoo.interfaces.components import Component
from mmzoo.interfaces.ports import Link, Slot
from mmzoo.interfaces.values import ALONE, Latents, Losses, TrainingState

if TYPE_CHECKING:
    from datasets import Dataset


class TaskHead(Component, ABC):
    """A model: it owns named slots, its `__call__` is the task, and its other public methods are the verbs.

    Slots are set as attributes after the head is constructed; `connect` runs once they are all filled.

    Attributes:
        slots: The slots by name, each with the kind of component, or model, that fills it.
        links: Pairs of ports that must fit.
        name: The model's name; empty for a recipe without one.
        recipe: The resolved recipe that the model was built from.
        folder: Where its weights were read, None with fresh parameters.
        tree: The resolved model that it was built from, a `mmzoo.hub.tree.ResolvedModel`.
    """

    slots: ClassVar[Mapping[str, Slot]] = {}
    links: ClassVar[Sequence[Link]] = ()
    name: str = ""
    recipe: Mapping[str, Any]
    folder: Path | None = None
    tree: Any = None

    def connect(self) -> None:
        """Called once all slots are filled: build here, not in the constructor, what depends on the parts."""

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`, but models in slots stay in evaluation mode; a trainer that trains one jointly says so."""
        super().train(mode)
        for name, slot in self.slots.items():
            if slot.model and isinstance(model := getattr(self, name, None), nn.Module):
                model.eval()
        return self

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Inputs and outputs by which a copy of the model is checked; none by default.

        Args:
            inputs: Stored inputs; None makes them from a fixed seed.

        Returns:
            The inputs, and the outputs: floats before quantization and decodings of given codes, never sampled codes.
        """
        return {}, {}

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device


Model = TaskHead


class Examples(Protocol):
    """Training examples of one head over one dataset: map-style, random access, cheap lengths.

    Examples that also have `labels`, one hashable for each, can be drawn in balance.
    """

    @property
    def lengths(self) -> Sequence[int]:
        """Length of each example in frames, for batches of similar lengths."""

    @property
    def keys(self) -> Collection[str]:
        """The keys of every batch that `collate` returns."""

    def __len__(self) -> int: ...

    def example(self, index: int, generator: torch.Generator) -> Any:
        """Example `index`; every random choice (crop, dropout) is drawn from the generator."""

    def collate(self, examples: list[Any]) -> Mapping[str, Tensor]:
        """A padded batch of tensors."""


@runtime_checkable
class Trainable(Protocol):
    """A head that the engine can train."""

    @property
    def batch_keys(self) -> Collection[str]:
        """The keys of a batch without which `training_step` cannot run; a class attribute will do."""

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Turn dataset rows into training examples.

        Args:
            rows: Rows with the columns of `mmzoo.data`.
            cache: Folder for features that are expensive to compute.
        """

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Losses of one batch.

        Args:
            batch: What the examples' `collate` returned, on the head's device.
            generator: All random draws come from it.
            state: What takes part in this step.
        """


@runtime_checkable
class HasAdversary(Protocol):
    """A head that is trained against a discriminator."""

    def adversary(self) -> nn.Module:
        """The discriminator; the engine trains it, and it is never part of the saved model."""


@runtime_checkable
class HasStatistics(Protocol):
    """A head that stores statistics of its training data beside its weights."""

    def finish(self, examples: Examples) -> None:
        """Measure them once training has ended, with averaged weights, in evaluation mode and without gradients."""


@runtime_checkable
class HasPreviews(Protocol):
    """A head whose progress can be seen or heard."""

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Pairs of a name and an Audio or Image, made from a few rows."""


@runtime_checkable
class HasFiles(Protocol):
    """A head that needs files beside its weights, such as a lexicon or class names."""

    def files(self) -> Mapping[str, bytes]:
        """Content by file name."""

    def load_files(self, folder: Path) -> None:
        """Read what `files` returned; called after the weights are loaded."""


@runtime_checkable
class HasFeatures(Protocol):
    """A model whose features another model's encoder can take instead of raw data."""

    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Features of a raw batch: vectors `[B, N, D]`, or codes `[B, N, Q]`."""
