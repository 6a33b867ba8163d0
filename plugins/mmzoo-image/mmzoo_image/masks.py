"""Masks of classes as a condition: how much of each patch a class covers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.data import decode_image, fit_image, packed
from mmzoo.interfaces import Image

if TYPE_CHECKING:
    from datasets import Dataset

Classes = np.ndarray[Any, np.dtype[np.uint8]]


def class_fractions(classes_BHW: Tensor, count: int, grid: tuple[int, int], patch: int) -> Tensor:
    """The fraction of each patch that each class covers, `[B, N, count]`.

    Args:
        classes_BHW: uint8; values from `count` on are no class.
        count: Number of classes.
        grid: Rows and columns of patches.
        patch: Side of a patch in pixels; pixels beyond the picture are no class.
    """
    each = torch.stack([classes_BHW == index for index in range(count)], dim=1).float()
    right, bottom = grid[1] * patch - each.shape[3], grid[0] * patch - each.shape[2]
    return F.avg_pool2d(F.pad(each, (0, right, 0, bottom)), patch).flatten(2).transpose(1, 2)


def fitted_mask(given: Image, size: tuple[int, int]) -> Classes:
    """The classes of a gray picture, uint8 `[height, width]`, stretched to a size."""
    classes: Classes = fit_image(given, size, "stretch", nearest=True).pixels[..., 0]
    return classes


def packed_masks(rows: Dataset, cache: Path, side: int) -> Classes:
    """The masks of a dataset, cropped like its pictures to side x side pixels; a memory map `[rows, side, side]`."""

    def make(row: Mapping[str, Any]) -> Classes:
        classes: Classes = fit_image(decode_image(row["mask"]), (side, side), nearest=True).pixels[None, ..., 0]
        return classes

    return packed(rows, cache, f"classes-{side}", make, doing="reading masks")[0]
