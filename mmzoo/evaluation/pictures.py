"""Shared parts of picture evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmzoo.data import decode_image
from mmzoo.interfaces.values import Image

BATCH = 50


def pictures_of(rows: Any) -> list[Image]:
    """The decoded pictures of a dataset's rows."""
    return [decode_image(cell) for cell in rows["image"]]


def psnr(true: Sequence[Image], copies: Sequence[Image]) -> float:
    """Peak signal-to-noise ratio in dB, the mean over pictures."""
    errors = [
        np.square(a.pixels.astype(np.float64) - b.pixels).mean() / 255**2 for a, b in zip(true, copies, strict=True)
    ]
    return float(np.mean([-10 * np.log10(max(error, 1e-10)) for error in errors]))


def in_batches(items: Sequence[Any], make: Callable[[list[Any], int], list[Any]]) -> list[Any]:
    """Call `make(batch, seed)` on batches of items; the seed is the index of the first, so item i has seed i."""
    return [result for i in range(0, len(items), BATCH) for result in make(list(items[i : i + BATCH]), i)]
