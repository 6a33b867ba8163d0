"""Masks of classes: the result of a segmentation, how it is drawn, and how masks of a dataset are read."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.data import decode_image, fit_image, packed
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import Image

if TYPE_CHECKING:
    from datasets import Dataset

Classes = np.ndarray[Any, np.dtype[np.uint8]]

UNLABELED = 255
"""The value of pixels without a label; they count neither in training nor in evaluation."""
MOST_CLASSES = 255
STRENGTH = 0.6
"""How strongly classes are drawn over a picture, from 0 to 1."""
GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The class of each pixel.

    Args:
        classes: uint8 `[H, W]`, indices of `names`; UNLABELED for pixels without one.
        names: The classes.
    """

    classes: Classes
    names: tuple[str, ...]

    @property
    def areas(self) -> dict[str, float]:
        """The fraction of the picture that each class covers, the largest first, without classes that do not occur."""
        counts = np.bincount(self.classes.ravel(), minlength=len(self.names))[: len(self.names)]
        order = np.argsort(-counts, kind="stable")
        return {self.names[i]: float(counts[i] / self.classes.size) for i in order if counts[i]}

    @property
    def mask(self) -> Image:
        """A gray picture whose values are the classes."""
        return Image(np.repeat(self.classes[..., None], 3, axis=2))

    def overlay(self, picture: Image) -> Image:
        """The picture with each class but the first in a color of its own.

        Args:
            picture: A picture of the same size.

        Raises:
            InputError: It has another size.
        """
        if picture.pixels.shape[:2] != self.classes.shape:
            height, width = self.classes.shape
            raise InputError(
                f"The mask has {width} x {height} pixels and the picture is {picture}; give one of that size."
            )
        colors = np.array([color(index) for index in range(256)], np.float32)
        shown = (self.classes > 0) & (self.classes != UNLABELED)
        mixed = picture.pixels + STRENGTH * shown[..., None] * (colors[self.classes] - picture.pixels)
        return Image(np.round(mixed).astype(np.uint8))


def color(index: int) -> tuple[int, int, int]:
    """A color for a class; those of consecutive classes differ much in hue."""
    red, green, blue = colorsys.hsv_to_rgb(index * GOLDEN % 1, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def classes_of(rows: Dataset) -> list[str]:
    """The names in the column `mask_classes`. Raises DataError unless all rows have the same ones."""
    listed = rows["mask_classes"]
    if not len(listed):
        raise DataError("The dataset has no rows.")
    names = [str(name) for name in listed[0] or ()]
    if not 2 <= len(names) <= MOST_CLASSES or len(set(names)) != len(names):
        raise DataError(f"mask_classes must list 2 to {MOST_CLASSES} different classes, not {names}.")
    if any(other != names for other in listed):
        raise DataError("Rows differ in mask_classes; all masks of a dataset must index the same classes.")
    return names


def read_mask(cell: Any, size: tuple[int, int], classes: int) -> Classes:
    """A mask fitted to (height, width), as pictures are.

    Args:
        cell: A gray picture whose values are classes: anything that `mmzoo.data.decode_image` takes.
        size: Height and width in pixels.
        classes: How many classes there are.

    Raises:
        DataError: It cannot be read, is not gray, or has a value that is no class.
    """
    pixels = fit_image(decode_image(cell), size, nearest=True).pixels
    mask: Classes = pixels[..., 0]
    if (pixels != mask[..., None]).any():
        raise DataError("A mask must be a gray picture whose values are the indices of classes; this one has colors.")
    if (wrong := np.unique(mask[(mask >= classes) & (mask != UNLABELED)])).size:
        raise DataError(
            f"A mask has the value {wrong[0]}, but there are {classes} classes, 0 to {classes - 1};"
            f" {UNLABELED} is for pixels without a label."
        )
    return mask


def packed_masks(rows: Dataset, cache: Path, side: int, classes: int) -> Classes:
    """The masks of a dataset at one size, a memory map `[rows, side, side]`."""

    def make(row: Mapping[str, Any]) -> Classes:
        return read_mask(row["mask"], (side, side), classes)[None]

    return packed(rows, cache, f"masks-{side}-{classes}", make, doing="reading masks")[0]


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
