"""How well a classifier of pictures does when they are degraded, and whether its probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.evaluation.words import interval, mismatches

BINS = 15
SMALLEST = 1e-6
"""A probability of 0 counts as this one in the log-likelihood."""
GRAY = 128


def with_noise(pixels: Tensor, std: float, seed: int) -> Tensor:
    """Pictures uint8 `[B, H, W, 3]` with gray noise of this std, for pixels from 0 to 1."""
    noise = torch.randn(*pixels.shape[:3], 1, generator=torch.Generator().manual_seed(seed))
    return (pixels + 255 * std * noise).clamp(0, 255).round().to(torch.uint8)


def occluded(pixels: Tensor, fraction: float, seed: int) -> Tensor:
    """Pictures uint8 `[B, H, W, 3]`, each with a gray square at a random place, its side a fraction of the height."""
    count, height, width = pixels.shape[:3]
    side = round(fraction * height)
    places = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed))
    hidden = pixels.clone()
    for picture, place in zip(hidden, places, strict=True):
        top, left = int(place[0] * (height - side + 1)), int(place[1] * (width - side + 1))
        picture[top : top + side, left : left + side] = GRAY
    return hidden


DEGRADATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "clean": lambda pixels: pixels,
    "light noise": lambda pixels: with_noise(pixels, 0.2, 0),
    "strong noise": lambda pixels: with_noise(pixels, 0.4, 0),
    "small square": lambda pixels: occluded(pixels, 0.25, 0),
    "large square": lambda pixels: occluded(pixels, 0.4, 0),
}
"""What is done to test pictures. The names are keys of reports, so they have no dots."""


def reliability(probabilities: Any, labels: Sequence[int]) -> dict[str, float]:
    """Accuracy with a 95 % interval, expected calibration error and negative log-likelihood.

    Args:
        probabilities: `[N, classes]`.
        labels: The true classes.
    """
    p, true = np.asarray(probabilities, np.float64), np.asarray(labels)
    guessed = p.argmax(1)
    error = interval(mismatches(guessed.tolist(), true.tolist()))
    return {
        "accuracy": float((guessed == true).mean()),
        "accuracy_low": 1 - error["high"],
        "accuracy_high": 1 - error["low"],
        "ece": calibration_error(p, true),
        "nll": float(-np.log(p[np.arange(len(true)), true].clip(SMALLEST)).mean()),
    }


def calibration_error(probabilities: Any, labels: Any) -> float:
    """Expected calibration error over BINS bins of equal width (Guo et al., arXiv 1706.04599, eq. 3)."""
    p, true = np.asarray(probabilities, np.float64), np.asarray(labels)
    confidence, right = p.max(1), p.argmax(1) == true
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == one].sum() - right[bins == one].sum()) for one in np.unique(bins)]
    return float(sum(gaps) / len(true))
