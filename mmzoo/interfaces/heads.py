"""Task heads, which are models, and small protocols for what else a head may support.

Code that needs more than a `TaskHead` checks for a protocol: the trainer for `Trainable`, saving for `HasFiles`,
another model's encoder for `HasFeatures`. A head supports a protocol by having its methods; it declares nothing.
"""

from __future__ import annotations

import hashlib
from abc import ABC
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from mmzoo.interfaces.components import Component
from mmzoo.interfaces.keywords import Verbs
from mmzoo.interfaces.ports import Link, Slot
from mmzoo.interfaces.values import ALONE, Audio, Image, Latents, Losses, TrainingState

if TYPE_CHECKING:
    from datasets import Dataset


class TaskHead(Verbs, Component, ABC):
    """A model: it owns named slots, its `__call__` performs the task, and its other public methods are verbs.

    Slots are set as attributes after the head is constructed; then `connect` runs. Verbs declare every argument (no
    `*args`, no `**kwargs`), so that nothing a caller passes is swallowed.

    Attributes:
        slots: What fills each slot: a kind of component, or a model.
        links: Pairs of ports that must fit.
        name: The model's name; empty if the recipe has none.
        recipe: The resolved recipe that the model was built from.
        folder: The folder of its weights; None with fresh parameters.
        tree: The `mmzoo.hub.tree.ResolvedModel` that it was built from.
    """

    slots: ClassVar[Mapping[str, Slot]] = {}
    links: ClassVar[Sequence[Link]] = ()
    name: str = ""
    recipe: Mapping[str, Any]
    folder: Path | None = None
    tree: Any = None

    def connect(self) -> None:
        """Build what depends on the components in the slots; called when all slots are filled."""

    def train(self, mode: bool = True) -> Self:
        """As in `nn.Module`, but models in slots stay in eval mode; the trainer switches those it trains jointly."""
        super().train(mode)
        for name, slot in self.slots.items():
            if slot.model and isinstance(model := getattr(self, name, None), nn.Module):
                model.eval()
        return self

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Golden inputs and outputs, with which a copy of the model is verified; none by default.

        Args:
            inputs: Stored inputs; None draws them with a fixed seed.

        Returns:
            The inputs, and the outputs: floats before quantization and decoded stored codes, never sampled codes.
        """
        return {}, {}

    def fingerprint(self) -> str:
        """A digest of all tensors, also of the models in its slots: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for key, tensor in sorted(self.state_dict().items()):
            digest.update(key.encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:16]

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device


Model = TaskHead


class Examples(Protocol):
    """Training examples that one head makes from one dataset: map-style, with random access and cheap lengths.

    Examples with an attribute `labels`, one hashable per example, allow class-balanced sampling.
    """

    @property
    def lengths(self) -> Sequence[int]:
        """Length of each example in frames, for bucketing by length."""

    @property
    def keys(self) -> Collection[str]:
        """The keys of every batch that `collate` returns."""

    def __len__(self) -> int: ...

    def example(self, index: int, generator: torch.Generator) -> Any:
        """Example `index`; all random choices (crop, dropout) are drawn from the generator."""

    def collate(self, examples: list[Any]) -> Mapping[str, Tensor]:
        """Collate examples to a padded batch of tensors."""


@runtime_checkable
class Trainable(Protocol):
    """A head that can be trained."""

    @property
    def batch_keys(self) -> Collection[str]:
        """The batch keys that `training_step` requires; may be a class attribute."""

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Turn dataset rows into training examples.

        Args:
            rows: Rows of a dataset; `mmzoo.data.COLUMNS` and any others.
            cache: Folder for features that are expensive to compute.
        """

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Compute the losses of one batch.

        Args:
            batch: A batch from `Examples.collate`, on the head's device.
            generator: Source of all random draws.
            state: What else is trained in this step.
        """


@runtime_checkable
class NeedsColumns(Protocol):
    """A head that says which columns of a dataset `examples` reads, so that a missing one is explained."""

    @property
    def columns(self) -> Collection[str]:
        """The columns; may be a class attribute."""


@runtime_checkable
class ReadsCodes(Protocol):
    """A head that is trained on codes of the tokenizer in a slot, and also takes stored ones.

    `mmzoo.data.stored_codes` checks that the rows hold those of this tokenizer.
    """

    @property
    def codes_replace(self) -> Collection[str]:
        """Those of its `columns` that are not needed if the rows have codes; may be a class attribute."""


@runtime_checkable
class Generates(Protocol):
    """A head that makes something from a prompt, for `mmzoo generate`.

    The keyword-only, annotated arguments of `generate_item` are the keys of a prompt, which is checked like a config.
    `text`, `label`, `image` and `audio` mean the same as in the rows of a dataset; the last two are `FilePath`.

    Attributes:
        generates: What `generate_item` makes: Audio, Image or str.
        generate_item: Makes one item. `seed`, one of its arguments, is that of all its random draws, so that the item
            depends on its prompt alone.
    """

    generates: ClassVar[type[Audio] | type[Image] | type[str]]

    @property
    def generate_item(self) -> Callable[..., Audio | Image | str]: ...


@runtime_checkable
class Adaptable(Protocol):
    """A head with parameters for the classes, voices or words of its data, which can be fine-tuned on others."""

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """The overrides with which a model like this one can be trained on these rows.

        Raises:
            DataError: No overrides would do; the message gives the reason.
        """

    def inherit(self, trained: Self, rows: Dataset) -> None:
        """Take over the names of a trained model, and its parameters for those that the rows share with it.

        Called with the overrides of `adapt` applied, after all tensors of equal name and shape have been copied, and
        again when training is resumed.

        Args:
            trained: The model that training starts from.
            rows: All rows to train and validate on.
        """


@runtime_checkable
class HasCritics(Protocol):
    """A head that can be trained against critics, which its `training_step` finds in `TrainingState.adversary`."""

    @property
    def critics(self) -> Collection[str]:
        """The critics that it is trained against unless the recipe names others; may be a class attribute."""


@runtime_checkable
class HasStatistics(Protocol):
    """A head that stores statistics of its training data."""

    def finish(self, examples: Examples) -> None:
        """Measure the statistics; called after training with averaged weights, in eval mode and without gradients."""


@runtime_checkable
class HasPreviews(Protocol):
    """A head that makes previews during training."""

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Named previews (Audio or Image) made from a few rows."""


@runtime_checkable
class HasFiles(Protocol):
    """A head that needs files beside its weights, such as a lexicon or class names."""

    def files(self) -> Mapping[str, bytes]:
        """The content of each file by name."""

    def load_files(self, folder: Path) -> None:
        """Read the files that `files` names; called after the weights are loaded."""


@runtime_checkable
class Diffuses(Protocol):
    """A diffusion model of data that can be shown to its network: what recognition by diffusion needs.

    Noise is drawn from seeds and not from a generator, so that a draw is the same for every item and condition.
    """

    def hidden_states(self, raw: Tensor, *, depths: Sequence[int], times: Sequence[float]) -> Latents:
        """Hidden states for a raw batch without a condition, concatenated to `[B, N, depths * times * width]`.

        Args:
            raw: Images `[B, H, W, 3]` from 0 to 1.
            depths: After how many blocks they are read.
            times: The times to which the batch is noised, each with the same noise for every item.
        """

    def denoising_errors(self, raw: Tensor, prompts: Sequence[str], *, times: Tensor, seeds: Sequence[int]) -> Tensor:
        """Mean squared errors of the prediction for one item under each of P conditions, float32 `[P, K]`.

        Args:
            raw: One image `[1, H, W, 3]` from 0 to 1.
            prompts: P captions or class names.
            times: Times `[K]`, each with a noise of its own that all conditions share.
            seeds: The seeds of these K noises.
        """


@runtime_checkable
class HasFeatures(Protocol):
    """A model that supplies features to another model's encoder."""

    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Features of a raw batch: vectors `[B, N, D]` or codes `[B, N, Q]`."""
