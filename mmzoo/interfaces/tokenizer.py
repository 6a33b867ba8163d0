"""The contract of tokenizers: models that encode raw data as codes, and whose latent space other models use."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from mmzoo.interfaces.heads import TaskHead
from mmzoo.interfaces.values import Latents


class Tokenizer(TaskHead):
    """A model that converts raw data to codes and to continuous latents, and both back to data.

    Latents `[B, N, D]` are standardized: zero mean and unit variance over the tokenizer's training data. Codes are
    int64 `[B, N, Q]` with -1 in padding. A head with a tokenizer in a slot uses only what is declared here.

    Attributes:
        modality: speech, image or text.
        dim: Width D of the latents.
    """

    modality: ClassVar[str]
    dim: int

    @property
    @abstractmethod
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each of the Q codebooks."""

    @property
    def bits_per_latent(self) -> float:
        """Bits per latent: the sum of log2 of the codebook sizes."""
        return sum(math.log2(size) for size in self.codebook_sizes)

    @property
    def sample_rate(self) -> int | None:
        """Sample rate of speech in Hz; None for other modalities."""
        return None

    @property
    def rate(self) -> float | None:
        """Latents per second of speech; None for other modalities."""
        return None

    @property
    def patch(self) -> int | None:
        """Side in pixels of the patch that one latent covers; None for other modalities."""
        return None

    @abstractmethod
    def tokenize(self, given: Any) -> Tensor:
        """Encode one item to codes `[1, N, Q]`, or a list of B items to `[B, N, Q]`.

        Raises:
            InputError: An item cannot be tokenized.
        """

    @abstractmethod
    def reconstruct(self, codes: Any) -> Any:
        """Decode the codes `[1, N, Q]` of one item to Audio, Image or text.

        Args:
            codes: A tensor of any integer dtype, an array or nested lists; see `mmzoo.interfaces.codes.as_codes`.

        Raises:
            InputError: The codes have the wrong shape or are out of range.
        """

    @abstractmethod
    def encode_latents(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Encode a raw batch to latents before quantization; differentiable.

        Args:
            raw: Speech `[B, T]`, images `[B, H, W, 3]` in [0, 1], or text bytes `[B, N]`.
            mask: Bool, True where there is data; None if there is no padding.
        """

    @abstractmethod
    def decode_latents(self, latents: Latents) -> Sequence[Any]:
        """Decode latents, quantized or not, to B items: Audio, Image or text."""

    @abstractmethod
    def quantize_latents(self, latents: Latents) -> Tensor:
        """The codes `[B, N, Q]` nearest to latents."""

    @abstractmethod
    def embed_codes(self, codes: Any) -> Tensor:
        """The latents `[B, N, D]` of codes `[B, N, Q]`."""
