"""The component contracts. A plugin subclasses one of them and registers it by name.

The keyword-only, annotated arguments of the constructor are the component's configuration: JSON values, checked
against the signature and stored in `config` by the builder.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces.bounds import Bounded
from mmzoo.interfaces.codes import as_codes, check_range, check_width
from mmzoo.interfaces.losses import masked_mean, predicted
from mmzoo.interfaces.ports import Ports
from mmzoo.interfaces.precision import entry
from mmzoo.interfaces.raw import raw_checked, shown
from mmzoo.interfaces.values import PADDING_CODE, Condition, Latents, Losses, Quantized

Config = dict[str, Any]


class Component(Bounded, nn.Module):
    """Base of every component with parameters. `config` holds the arguments it was built with.

    Attributes:
        entries: Methods through which vectors enter; they are cast there, see `mmzoo.interfaces.precision`.
        trained_by_head: Children that only a loss of the head trains, so that the output need not pass them gradients.
    """

    config: Config
    entries: ClassVar[tuple[str, ...]] = ()
    trained_by_head: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Cast what enters the methods of this class that `entries` names."""
        super().__init_subclass__(**kwargs)
        for name in cls.entries:
            if name in vars(cls):
                setattr(cls, name, entry(vars(cls)[name]))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """The inputs and outputs of a component with this configuration. Must not build anything."""
        return Ports()

    def reset_parameters(self) -> None:
        """Initialize every parameter and buffer; called after a build on the meta device.

        The default resets each child that has `reset_parameters`. A component that creates parameters or buffers
        directly must override this and call `super().reset_parameters()`.
        """
        for child in self.children():
            _reset(child)


def _reset(module: nn.Module) -> None:
    # Children first, because a parent may overwrite a child's weights (adaLN-zero).
    if not isinstance(module, Component):
        for child in module.children():
            _reset(child)
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()


class ModalityEncoder(Component, ABC):
    """Encodes raw data of one modality to latents; some also decode."""

    modality: ClassVar[str]
    entries: ClassVar[tuple[str, ...]] = ("encode", "decode")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the raw batches that enter `encode`; see `mmzoo.interfaces.raw`."""
        super().__init_subclass__(**kwargs)
        if "encode" in vars(cls):
            cls.encode = raw_checked(vars(cls)["encode"])  # type: ignore[method-assign]

    @abstractmethod
    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        """Encode a raw batch to latents `[B, N, D]`.

        Args:
            raw: Speech `[B, T]`, images `[B, H, W, 3]` or token ids `[B, N]`.
            mask: Bool, the shape of `raw` without channels; True where there is data.

        Raises:
            InputError: The batch or mask has another shape or dtype, is empty, or holds NaN or infinity.
        """

    def decode(self, latents: Latents) -> Any:
        """Decode latents to the layout that `encode` takes; for text, logits `[B, N, ids]`."""
        raise InputError(f"{type(self).__name__} cannot decode; it only encodes.")


class Quantizer(Component, ABC):
    """Vectors to codes and back. Codes are int64 `[B, N, Q]`; -1 marks padding, which `decode` rejects.

    `check_vectors`, `check_codes`, `mask_codes` and `usage` are helpers for implementations.
    """

    @property
    @abstractmethod
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each of the Q codebooks."""

    @property
    def bits_per_step(self) -> float:
        """Bits per position: the sum of log2 of the codebook sizes."""
        return sum(math.log2(size) for size in self.codebook_sizes)

    @abstractmethod
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode vectors `[B, N, D]` to codes `[B, N, Q]`."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes `[B, N, Q]` to vectors `[B, N, D]`. Raises InputError on -1 or a code out of range."""

    @abstractmethod
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize `[B, N, D]` with gradients and losses; in training mode this may update the codebooks."""

    def check_vectors(
        self, z: Tensor, mask: Tensor | None, width: int, *, drop: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """The vectors in float32, and the mask without those that are not finite or too large to square (set to 0).

        Args:
            z: Vectors `[B, N, D]` of any float dtype.
            mask: Bool `[B, N]`, or None; what lies outside it is never an error.
            width: D.
            drop: Leave non-finite vectors out, as in training, instead of raising an error.

        Raises:
            InputError: The shape or dtype is wrong, or a vector is not finite.
        """
        if not isinstance(z, Tensor) or z.dim() != 3 or z.shape[-1] != width or not z.is_floating_point():
            raise InputError(f"Vectors to quantize must be floats of shape [B, N, {width}], not {shown(z)}.")
        if mask is not None and (
            not isinstance(mask, Tensor) or mask.dtype is not torch.bool or mask.shape != z.shape[:2]
        ):
            raise InputError(
                f"The mask of vectors {list(z.shape)} must be bool {list(z.shape[:2])}, not {shown(mask)}."
            )
        z = z.float()
        if torch.compiler.is_compiling():
            return z, mask  # a graph cannot branch on values
        finite = z.detach().square().sum(-1).isfinite()  # distances must not overflow either
        if bool(finite.all()):
            return z, mask
        real = finite if mask is None else finite & mask
        if not drop and not torch.equal(real, torch.ones_like(real) if mask is None else mask):
            raise InputError(
                "The vectors to quantize hold NaN, infinity or values whose squares overflow; check what computed them."
            )
        return z.masked_fill(~finite.unsqueeze(-1), 0.0), real

    def check_codes(self, codes: Any, sizes: Sequence[int] | None = None) -> Tensor:
        """Codes as int64 on the quantizer's device.

        Args:
            codes: Codes `[B, N, Q]`: anything that `mmzoo.interfaces.codes.as_codes` takes.
            sizes: Sizes of the codebooks that the codes index, by default all of them.

        Raises:
            InputError: They are not integers of this shape within the codebooks, or there are none.
        """
        sizes = self.codebook_sizes if sizes is None else sizes
        own = next(itertools.chain(self.parameters(), self.buffers()), None)
        checked = as_codes(codes)
        check_width(checked.shape, len(sizes))
        checked = checked if own is None else checked.to(own.device)
        if torch.compiler.is_exporting():
            return checked  # a graph cannot branch on values
        if checked.numel() == 0:
            raise InputError(f"Codes {list(checked.shape)} are empty; give at least one position.")
        check_range(checked, torch.tensor(sizes, device=checked.device))
        return checked

    @staticmethod
    def mask_codes(codes: Tensor, mask: Tensor | None) -> Tensor:
        """Set codes `[B, N, Q]` to -1 where the mask `[B, N]` is False."""
        return codes if mask is None else codes.masked_fill(~mask.unsqueeze(-1), PADDING_CODE)

    def usage(self, codes: Tensor) -> Tensor:
        """Fraction of each codebook that occurs in codes `[B, N, Q]`, float `[Q]`; padding is ignored.

        Distinct codes are counted after sorting, so the cost does not depend on the codebook size.
        """
        ordered = codes.flatten(0, 1).sort(0).values
        real = (ordered != PADDING_CODE).long()
        distinct = real[:1].sum(0) + ((ordered[1:] != ordered[:-1]).long() * real[1:]).sum(0)
        return distinct / torch.tensor(self.codebook_sizes, device=codes.device)


class Fusion(Component, ABC):
    """Fuses latents of several modalities to one vector per item.

    Any modality may be missing: from an item, if its mask is False everywhere, or from the batch, if it is not given.
    """

    entries: ClassVar[tuple[str, ...]] = ("forward", "gates")

    @abstractmethod
    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """Fuse latents `[B, N, D]`, by modality, to `[B, D]`."""

    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        """The weight of each modality for each item, `[B]` by name, summing to 1; for fusions that have weights."""
        raise InputError(f"{type(self).__name__} has no gates; it does not weight modalities.")


class DiffusionBackbone(Component, ABC):
    """Predicts what the sampler needs (velocity, noise or data) from a noisy sequence.

    A time may come with a step size, if the port `times` has the width 2: the backbone then predicts the average over
    the step that starts at this time. Times without step sizes mean steps of size 0.
    """

    entries: ClassVar[tuple[str, ...]] = ("precompute", "forward", "hidden")

    @abstractmethod
    def precompute(self, t: Tensor, condition: Condition) -> Any:
        """Compute everything that depends only on the times and the condition, for S times at once.

        Args:
            t: Times `[S]` in [0, 1], or times and step sizes `[S, 2]`.
            condition: The condition of B items.

        Returns:
            A table whose entry `i` is used by `forward(..., table=table, step=i)`.
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
        """Predict `[B, N, D]` for noisy latents at times t `[B]`, or at `step` of a precomputed table.

        With step sizes, t is `[B, 2]`.
        """

    def hidden(self, x_t: Latents, t: Tensor, condition: Condition, *, depth: int) -> Tensor:
        """Hidden states after `depth` blocks, `[B, N, width]`: features for recognition."""
        raise InputError(f"{type(self).__name__} does not expose its hidden states.")


class Critic(Component, ABC):
    """Tells real data from what a model makes. It takes part in training only, and is in no model.

    Attributes:
        modality: What it judges: `speech` or `image`.
    """

    modality: ClassVar[str]
    entries: ClassVar[tuple[str, ...]] = ("forward",)

    @abstractmethod
    def forward(self, raw: Tensor) -> Sequence[Sequence[Tensor]]:
        """Judge a raw batch without padding: speech `[B, T]` or images `[B, H, W, 3]`.

        Returns:
            For each of its scales, the feature maps `[B, ...]` of its layers. The last map holds the scores, which are
            higher for real data.
        """


class Sampler(Bounded, ABC):
    """A diffusion process: adds noise in training and integrates from noise to data in sampling.

    Times run from 0 (noise) to 1 (data). Registered like a component, but has no parameters.
    """

    config: Config

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Output `times`, of width 2 for a sampler whose backbone must know the step size."""
        return Ports()

    @abstractmethod
    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw training times in [0, 1], float `[count]`."""

    @abstractmethod
    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mix data and noise `[B, N, D]` at times t `[B]`; returns x_t and the training target."""

    def loss(
        self,
        backbone: DiffusionBackbone,
        data: Latents,
        condition: Condition,
        generator: torch.Generator,
        weight: Tensor | None = None,
    ) -> Losses:
        """The training loss of a backbone on one batch: by default the squared error of its predictions.

        Args:
            backbone: The backbone to train.
            data: Data of B items, with mask, positions and grid.
            condition: Their condition.
            generator: Source of noise and times.
            weight: Weight of each position, `[B, N]`; 1 by default. Padding has no weight.

        Returns:
            The weighted mean over positions, as the part `flow`, and with weights also the part `unweighted`.
        """
        noise = torch.randn(data.x.shape, generator=generator).to(data.x)
        t = self.times(len(data.x), generator).to(data.x.device)
        x_t, target = self.corrupt(data.x, noise, t)
        errors = (predicted(backbone, data.with_x(x_t), t, condition) - target).square().mean(-1)
        flow = masked_mean(errors, data.mask, weight)
        parts = {"flow": flow.detach()}
        if weight is not None:
            parts["unweighted"] = masked_mean(errors.detach(), data.mask)
        return Losses(flow, parts)

    @abstractmethod
    def schedule(self, num_steps: int) -> Tensor:
        """The times `[S]` at which `sample` evaluates the backbone, in order; the input of `precompute`.

        A sampler whose backbone must know the step size returns times and step sizes, `[S, 2]`.
        """

    @abstractmethod
    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """Integrate from noise `[B, N, D]` to data; `predict(x, index)` is the prediction at `schedule[index]`."""


class Predict(Protocol):
    """A backbone with everything bound except the current state."""

    def __call__(self, x: Tensor, index: int) -> Tensor: ...
