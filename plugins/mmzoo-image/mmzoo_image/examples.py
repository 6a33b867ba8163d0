"""Training examples for the picture head: captions, pictures and their codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import decode_images
from mmzoo.data.words import Words, trimmed
from mmzoo.interfaces import Image, Tokenizer

if TYPE_CHECKING:
    from datasets import Dataset


class Captioned:
    """Captions, pictures and codes of a dataset, all in memory; pictures are tokenized once."""

    keys = ("words", "image", "codes", "plain")

    def __init__(self, rows: Dataset, words: Words, tokenizer: Tokenizer, patch: int) -> None:
        pictures = decode_images(rows["image"])
        self.words = words.known_ids(rows["text"])
        self.codes = torch.cat([tokenizer.tokenize(pictures[i : i + 64]).cpu() for i in range(0, len(pictures), 64)])
        self.plain = torch.stack([plain(picture, patch) for picture in pictures])
        self.images = torch.from_numpy(np.stack([picture.pixels for picture in pictures]))
        self.lengths = [1] * len(pictures)

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
            "image": self.images[chosen],
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
