"""Masks of classes: the result of a segmentation, how it is drawn, and how masks of a dataset are read."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.data import decode_image, fit_image, packed
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.masks import UNLABELED, Classes
from mmzoo.interfaces import Image

if TYPE_CHECKING:
    from datasets import Dataset

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
