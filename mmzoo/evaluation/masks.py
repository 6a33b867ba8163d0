"""How well masks of classes agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

Classes = np.ndarray[Any, np.dtype[np.uint8]]

UNLABELED = 255
"""The value of pixels without a label; they count neither in training nor in evaluation."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Intersections and unions of masks, from which the intersection over union (IoU) of each class follows.

    Attributes:
        both: Pixels of each picture where truth and guess are the class, `[pictures, classes]`.
        either: Pixels where one of them is.
    """

    both: np.ndarray[Any, np.dtype[np.int64]]
    either: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, true: Sequence[Classes], guessed: Sequence[Classes], classes: int) -> Overlaps:
        """Compare pairs of masks `[H, W]`; pixels that are UNLABELED in the truth do not count."""
        both, either = [], []
        for a, b in zip(true, guessed, strict=True):
            known = a != UNLABELED
            count = partial(np.bincount, minlength=classes)
            hits = count(a[known & (a == b)])
            both.append(hits)
            either.append(count(a[known]) + count(b[known]) - hits)
        return cls(np.array(both, np.int64), np.array(either, np.int64))

    def iou(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The IoU of each class over all pictures, `[classes]`; NaN for a class without pixels."""
        return _ratio(self.both.sum(0), self.either.sum(0))

    def report(self, names: Sequence[str], *, draws: int = 2000, seed: int = 0) -> dict[str, dict[str, float]]:
        """The IoU of each class and its mean (`mean`), each with a 95 % interval by a bootstrap over pictures.

        Classes without pixels are left out.
        """
        scores = self.iou()
        drawn = self._resampled(draws, seed)
        present = np.flatnonzero(np.isfinite(scores))
        columns: dict[str, tuple[Any, Any]] = {"mean": (scores[present].mean(), np.nanmean(drawn[:, present], axis=1))}
        columns |= {names[i]: (scores[i], drawn[:, i]) for i in present.tolist()}
        return {name: {"iou": float(score), **_interval(values)} for name, (score, values) in columns.items()}

    def gain(self, base: Overlaps, *, draws: int = 2000, seed: int = 0) -> dict[str, float]:
        """The mean IoU minus that of `base` on the same pictures, with a 95 % interval by a paired bootstrap."""
        values = np.nanmean(self._resampled(draws, seed), axis=1) - np.nanmean(base._resampled(draws, seed), axis=1)
        return {"difference": float(np.nanmean(self.iou()) - np.nanmean(base.iou())), **_interval(values)}

    def _resampled(self, draws: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The IoU of each class in samples of pictures, `[draws, classes]`."""
        count = len(self.both)
        picks = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
        return _ratio(picks @ self.both, picks @ self.either)


def _ratio(above: Any, below: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.where(below > 0, above / np.maximum(below, 1), np.nan)


def _interval(values: Any) -> dict[str, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return {"low": float(low), "high": float(high)}
