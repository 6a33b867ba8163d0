"""Training examples for the picture head: captions, pictures and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data.words import Words, trimmed
from mmzoo.interfaces import Image, Tokenizer


class Captioned:
    """Captions, pictures and codes of a dataset; pictures are tokenized once.

    Args:
        pixels: The pictures, uint8 `[N, H, W, 3]`.
        texts: Their captions.
        words: The vocabulary.
        tokenizer: Makes the codes.
        patch: Its patch in pixels.
    """

    keys = ("words", "image", "codes", "plain")

    def __init__(
        self, pixels: np.ndarray[Any, Any], texts: Sequence[str], words: Words, tokenizer: Tokenizer, patch: int
    ) -> None:
        self.words = words.known_ids(texts)
        batches = (pixels[start : start + 64] for start in range(0, len(pixels), 64))
        self.codes = torch.cat([tokenizer.tokenize([*map(Image, batch)]).cpu() for batch in batches])
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


def plain(picture: Image, patch: int) -> Tensor:
    """Whether each patch of `patch` x `patch` pixels is one color, row-major; bool `[N]`, False for partial patches."""
    height, width = picture.pixels.shape[:2]
    plain_HW = torch.zeros(-(-height // patch), -(-width // patch), dtype=torch.bool)
    cropped = picture.pixels[: height // patch * patch, : width // patch * patch]
    patches = cropped.reshape(height // patch, patch, width // patch, patch, 3)
    extent = patches.max((1, 3)).astype(int) - patches.min((1, 3))
    plain_HW[: height // patch, : width // patch] = torch.from_numpy((extent <= 8).all(-1))
    return plain_HW.flatten()
