"""The contract of tokenizers: models that turn raw data into codes and back, and the latent space of other models."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from mmzoo.interfaces.heads import TaskHead
from mmzoo.interfaces.values import Latents


class Tokenizer(TaskHead):
    """A model with a latent space: raw data to codes and back, and to standardized continuous latents and back.

    Latents `[B, N, D]` are standardized: zero mean and unit variance over the tokenizer's training data. Codes are
    int64 `[B, N, Q]` with -1 in padding. A head whose slot holds a tokenizer uses only what is declared here.

    Attributes:
        modality: speech, image or text.
        dim: D, the width of the latents.
    """

    modality: ClassVar[str]
    dim: int

    @property
    @abstractmethod
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each of the Q codebooks."""

    @property
    def bits_per_latent(self) -> float:
        """Bits that the codes of one latent carry: the sum of log2 of the codebook sizes."""
        return sum(math.log2(size) for size in self.codebook_sizes)

    @property
    def sample_rate(self) -> int | None:
        """Of speech, in Hz; None for other modalities."""
        return None

    @property
    def rate(self) -> float | None:
        """Latents per second of speech; None for other modalities."""
        return None

    @property
    def patch(self) -> int | None:
        """Side of the square of pixels that one latent stands for; None for other modalities."""
        return None

    @abstractmethod
    def tokenize(self, given: Any) -> Tensor:
        """One item, or a list of B items, to codes `[1, N, Q]` or `[B, N, Q]`.

        Raises:
            InputError: The tokenizer cannot take an item.
        """

    @abstractmethod
    def reconstruct(self, codes: Tensor) -> Any:
        """The codes `[1, N, Q]` of one item to the item: Audio, Image or text.

        Raises:
            InputError: The codes have another shape or are out of range.
        """

    @abstractmethod
    def encode_latents(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """A raw batch to its latents before quantization; differentiable.

        Args:
            raw: Speech `[B, T]`, images `[B, H, W, 3]` in [0, 1], or bytes of text `[B, N]`.
            mask: Bool, True where there is data; None if there is no padding.
        """

    @abstractmethod
    def decode_latents(self, latents: Latents) -> Sequence[Any]:
        """Latents, quantized or not, to B items: Audio, Image or text."""

    @abstractmethod
    def quantize_latents(self, latents: Latents) -> Tensor:
        """The codes `[B, N, Q]` nearest to latents."""

    @abstractmethod
    def embed_codes(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]` to their latents `[B, N, D]`."""
