"""Training examples for the picture head: captions, pictures and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data.words import Words, trimmed
from mmzoo.interfaces import Image


class Captioned:
    """Captions, pictures and codes of a dataset.

    Args:
        pixels: The pictures, uint8 `[N, H, W, 3]`.
        texts: Their captions.
        words: The vocabulary.
        codes: Their codes, int64 `[N, L, Q]`.
        patch: The tokenizer's patch in pixels.
        masks: The classes of their pixels, uint8 `[N, H, W]`; None without.
    """

    def __init__(
        self,
        pixels: np.ndarray[Any, Any],
        texts: Sequence[str],
        words: Words,
        codes: Tensor,
        patch: int,
        masks: np.ndarray[Any, Any] | None = None,
    ) -> None:
        self.words = words.known_ids(texts)
        self.codes = codes
        self.plain = torch.stack([plain(Image(picture), patch) for picture in pixels])
        self.images, self.masks = pixels, masks
        self.lengths = [1] * len(pixels)

    @property
    def keys(self) -> tuple[str, ...]:
        """`mask` only with masks."""
        return ("words", "image", "codes", "plain", *(("mask",) if self.masks is not None else ()))

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself; `collate` looks everything up."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`words` `[B, M]`, `image` uint8 `[B, H, W, 3]`, `codes` `[B, N, Q]`, `plain` bool `[B, N]`; `mask` uint8."""
        chosen = torch.tensor(examples)
        masks = {} if self.masks is None else {"mask": torch.from_numpy(self.masks[examples])}
        return {
            **masks,
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
