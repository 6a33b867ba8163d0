"""Measures how well a model finds the class of each pixel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from mmzoo.data import sheet
from mmzoo.errors import DataError
from mmzoo.evaluation.heldout import held_out
from mmzoo.evaluation.masks import UNLABELED, Classes, Overlaps
from mmzoo.evaluation.pictures import pictures_of
from mmzoo.interfaces import Image
from mmzoo_recognition.masks import Segmentation, classes_of, read_mask

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ("image", "mask", "mask_classes")
SHOWN = 4


def evaluate_segmentation(
    model: Any, *, limit: int | None = None, samples: Path | None = None, data: Sequence[str] = ()
) -> dict[str, Any]:
    """The mean intersection over union (IoU) and that of each class, with intervals, on held-out pictures.

    Args:
        model: A segmentation model.
        limit: Number of pictures; None for all.
        samples: Folder for `masks.png`: pictures, true masks and the model's; None for none.
        data: Datasets to use instead of the held-out rows of the training data.

    Returns:
        The content of `evaluation.json`.

    Raises:
        DataError: The masks have other classes than the model.
    """
    held = held_out(model, data, COLUMNS)
    rows, names = _rows(held.test_rows(), list(model.names))
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    pictures = pictures_of(rows)
    true = [
        read_mask(cell, (picture.pixels.shape[0], picture.pixels.shape[1]), len(names))
        for cell, picture in zip(rows["mask"], pictures, strict=True)
    ]
    start = time.perf_counter()
    guessed = guesses(model, pictures)
    seconds = time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        masks = [
            [Segmentation(mask, tuple(names)).overlay(p) for mask, p in zip(some, pictures[:SHOWN], strict=False)]
            for some in (true, guessed)
        ]
        sheet(pictures[:SHOWN], *masks).save(samples / "masks.png")
    known = [a != UNLABELED for a in true]
    right = sum(int((a == b)[k].sum()) for a, b, k in zip(true, guessed, known, strict=True))
    most = max(np.bincount(np.concatenate([a[k] for a, k in zip(true, known, strict=True)]), minlength=len(names)))
    total = sum(int(k.sum()) for k in known)
    return {
        "protocol": {"data": f"held-out pictures of {held.title}", "pictures": len(rows), "judge": "their masks"},
        "iou": Overlaps.of(true, guessed, len(names)).report(names),
        "pixels": {"right": right / total, "most_frequent_class": int(most) / total},
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "speed": {"pictures_per_second": len(rows) / seconds},
    }


def _rows(parts: Sequence[Dataset], names: list[str]) -> tuple[Dataset, list[str]]:
    """All rows, and the classes of their masks, which must be those of the model in the same order."""
    from datasets import concatenate_datasets

    for part in parts:
        if (found := classes_of(part)) != names:
            raise DataError(
                f"The masks have the classes {', '.join(found)}, and the model has {', '.join(names)}; give masks with"
                " the same classes in the same order."
            )
    return concatenate_datasets(list(parts)), names


def guesses(model: Any, pictures: Sequence[Image]) -> list[Classes]:
    """The mask that a model finds for each picture."""
    return [model.segment(picture).classes for picture in tqdm(pictures, desc="segmenting", disable=None, leave=False)]
