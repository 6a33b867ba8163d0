"""Training examples for the picture head: captions, pictures and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import stored_codes
from mmzoo.data.tokens import CODES
from mmzoo.data.words import Words, trimmed
from mmzoo.errors import DataError
from mmzoo.interfaces import Image, Tokenizer

if TYPE_CHECKING:
    from datasets import Dataset


class Captioned:
    """Captions, pictures and codes of a dataset.

    Args:
        pixels: The pictures, uint8 `[N, H, W, 3]`.
        texts: Their captions.
        words: The vocabulary.
        codes: Their codes, int64 `[N, L, Q]`.
        patch: The tokenizer's patch in pixels.
    """

    keys = ("words", "image", "codes", "plain")

    def __init__(
        self, pixels: np.ndarray[Any, Any], texts: Sequence[str], words: Words, codes: Tensor, patch: int
    ) -> None:
        self.words = words.known_ids(texts)
        self.codes = codes
        self.plain = torch.stack([plain(Image(picture), patch) for picture in pixels])
        self.images = pixels
        self.lengths = [1] * len(pixels)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself; `collate` looks everything up."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`words` `[B, M]`, `image` uint8 `[B, H, W, 3]`, `codes` `[B, N, Q]`, `plain` bool `[B, N]`."""
        chosen = torch.tensor(examples)
        return {
            "words": trimmed(self.words[chosen]),
            "image": torch.from_numpy(self.images[examples]),
            "codes": self.codes[chosen],
            "plain": self.plain[chosen],
        }


def codes_of(rows: Dataset, pixels: np.ndarray[Any, Any], tokenizer: Tokenizer, patch: int) -> Tensor:
    """The codes of pictures, int64 `[N, L, Q]`: those that the rows hold, if `mmzoo tokenize` wrote them.

    Args:
        rows: The rows.
        pixels: Their pictures at the size of training, uint8 `[N, H, W, 3]`.
        tokenizer: Makes the codes.
        patch: Its patch in pixels.

    Raises:
        DataError: The rows hold codes of another tokenizer, or of pictures of another size.
    """
    if not stored_codes(rows, tokenizer):
        batches = (pixels[start : start + 64] for start in range(0, len(pixels), 64))
        return torch.cat([tokenizer.tokenize([*map(Image, batch)]).cpu() for batch in batches])
    height, width = pixels.shape[1:3]
    wanted = -(-height // patch) * -(-width // patch)
    kept = [torch.tensor(codes) for codes in rows[CODES]]
    if wrong := next((len(codes) for codes in kept if len(codes) != wanted), None):
        raise DataError(
            f"The rows hold {wrong} codes for a picture, and pictures of {width} x {height} pixels have {wanted};"
            " tokenize pictures of that size."
        )
    return torch.stack(kept)


def plain(picture: Image, patch: int) -> Tensor:
    """Whether each patch of `patch` x `patch` pixels is one color, row-major; bool `[N]`, False for partial patches."""
    height, width = picture.pixels.shape[:2]
    plain_HW = torch.zeros(-(-height // patch), -(-width // patch), dtype=torch.bool)
    cropped = picture.pixels[: height // patch * patch, : width // patch * patch]
    patches = cropped.reshape(height // patch, patch, width // patch, patch, 3)
    extent = patches.max((1, 3)).astype(int) - patches.min((1, 3))
    plain_HW[: height // patch, : width // patch] = torch.from_numpy((extent <= 8).all(-1))
    return plain_HW.flatten()
