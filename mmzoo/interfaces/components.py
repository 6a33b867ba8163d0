"""The component contracts. A plugin subclasses one of them and registers it by name.

The keyword-only, typed arguments of the constructor are the component's configuration: JSON types,
checked against the signature, kept in `config` by whoever builds it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces.ports import Ports
from mmzoo.interfaces.values import PADDING_CODE, Condition, Latents, Quantized

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
        raise InputError(f"{type(self).__name__} cannot decode: it only encodes.")


class Quantizer(Component, ABC):
    """Vectors to codes and back. Codes are int64 `[B, N, Q]`; -1 marks padding, which `decode` refuses.

    `check_codes`, `mask_codes` and `usage` are what most quantizers need besides.
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
        """`[B, N, D]` to codes `[B, N, Q]`."""

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]` to vectors `[B, N, D]`. Raises InputError on -1 or a code out of range."""

    @abstractmethod
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize with gradients and losses; in training mode codebooks may update themselves."""

    def check_codes(self, codes: Tensor, sizes: Sequence[int] | None = None) -> None:
        """Raise InputError unless codes are integers `[B, N, Q]` within the codebooks.

        Args:
            codes: To be decoded.
            sizes: Of the codebooks that the codes are of; None for all of them.
        """
        sizes = self.codebook_sizes if sizes is None else sizes
        if codes.dim() != 3 or codes.shape[-1] != len(sizes) or codes.is_floating_point():
            raise InputError(
                f"Codes must be int64 of shape [B, N, {len(sizes)}], not {codes.dtype} of {list(codes.shape)}."
            )
        if torch.compiler.is_exporting():
            return  # a graph cannot branch on values
        limits = torch.tensor(sizes, device=codes.device)
        if codes.numel() and bool(((codes < 0) | (codes >= limits)).any()):
            raise InputError(
                f"Codes must lie in 0..{max(sizes) - 1}; {PADDING_CODE} marks padding and cannot be decoded, cut it off"
                " first."
            )

    @staticmethod
    def mask_codes(codes: Tensor, mask: Tensor | None) -> Tensor:
        """Codes `[B, N, Q]` with -1 where the mask `[B, N]` is False."""
        return codes if mask is None else codes.masked_fill(~mask.unsqueeze(-1), PADDING_CODE)

    def usage(self, codes: Tensor) -> Tensor:
        """Fraction of each codebook that occurs in codes `[B, N, Q]`, float `[Q]`; padding does not count.

        Distinct codes are counted after sorting, so that the cost does not grow with the codebooks.
        """
        ordered = codes.flatten(0, 1).sort(0).values
        new = torch.ones_like(ordered, dtype=torch.bool)
        new[1:] = ordered[1:] != ordered[:-1]
        distinct = (new & (ordered != PADDING_CODE)).sum(0)
        return distinct / torch.tensor(self.codebook_sizes, device=codes.device)


class Fusion(Component, ABC):
    """Latents of several modalities to one vector an item; any of them may be absent, from all items or from some.

    A modality is absent from an item where its mask is False throughout, and from a batch where it is not given.
    """

    @abstractmethod
    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """Latents `[B, N, D]` of each modality by its name to `[B, D]`."""

    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        """How much each modality counts for each item, `[B]` by name, adding up to 1; for fusions that weigh."""
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
