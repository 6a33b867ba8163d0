"""Measures whether pictures drawn from masks show what the masks say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import mmzoo
from mmzoo.data import decode_image, fit_image, sheet
from mmzoo.errors import DataError
from mmzoo.evaluation.heldout import held_out
from mmzoo.evaluation.masks import Classes, Overlaps
from mmzoo.evaluation.pictures import pictures_of
from mmzoo.interfaces import Image

COLUMNS = ("image", "mask", "mask_classes")
JUDGE = "unet-segmentation"
PICTURES, SHOWN = 300, 4


def evaluate_mask_to_image(
    model: Any, *, limit: int | None = None, samples: Path | None = None, data: Sequence[str] = ()
) -> dict[str, Any]:
    """A segmentation model finds the classes again in pictures drawn from held-out masks: mean IoU of both.

    Beside it the same for the real pictures of these masks, which is the most that the judge can see, and for real
    pictures of other masks, which is what no relation to the mask gives.

    Args:
        model: A model that draws pictures from masks.
        limit: Number of masks, at least 2; None for PICTURES.
        samples: Folder for `drawn.png`: masks, real pictures and drawn ones; None for none.
        data: Datasets to use instead of the held-out rows of the training data.

    Returns:
        The content of `evaluation.json`.

    Raises:
        DataError: The masks have other classes than the judge finds, or there are fewer than two.
    """
    judge: Any = mmzoo.create(JUDGE)
    held = held_out(model, data, COLUMNS)
    rows = held.test_rows()[0]
    rows = rows.select(range(min(limit or PICTURES, PICTURES, len(rows))))
    names = [str(name) for name in rows[0]["mask_classes"]]
    if len(rows) < 2:
        raise DataError(f"{held.title} has {len(rows)} held-out masks; at least 2 are compared.")
    if names != list(judge.names):
        raise DataError(
            f"The masks have the classes {', '.join(names)}, and the judge {JUDGE} finds {', '.join(judge.names)}; give"
            " masks with the judge's classes."
        )
    pictures, masks = pictures_of(rows), [decode_image(cell) for cell in rows["mask"]]
    start = time.perf_counter()
    drawn = [
        model.generate([""], masks=[mask], seed=number)[0]
        for number, mask in enumerate(tqdm(masks, desc="drawing", disable=None, leave=False))
    ]
    seconds = time.perf_counter() - start
    true: list[Classes] = [mask.pixels[..., 0] for mask in masks]
    looked_at = {"drawn": drawn, "real": pictures, "other": [*pictures[1:], pictures[0]]}
    seen = {
        name: [_found(judge, one, mask.shape) for one, mask in zip(some, true, strict=True)]
        for name, some in looked_at.items()
    }
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        scale = 255 // max(1, len(names) - 1)
        shown = [Image((mask.pixels * scale).astype(np.uint8)) for mask in masks[:SHOWN]]
        sheet(shown, pictures[:SHOWN], drawn[:SHOWN]).save(samples / "drawn.png")
    return {
        "protocol": {
            "data": f"held-out masks of {held.title}; other is the real picture of another mask",
            "pictures": len(rows),
            "judge": JUDGE,
            "steps": model.num_steps,
        },
        "iou": {name: Overlaps.of(true, found, len(names)).report(names)["mean"] for name, found in seen.items()},
        "by_class": Overlaps.of(true, seen["drawn"], len(names)).report(names),
        "variety": {"between_seeds": _between_seeds(model, masks[: 2 * SHOWN])},
        "speed": {"pictures_per_second": len(rows) / seconds},
    }


def _found(judge: Any, picture: Image, size: tuple[int, ...]) -> Classes:
    """The classes that the judge finds in a picture of this size."""
    classes: Classes = judge.segment(fit_image(picture, (size[0], size[1]), "stretch")).classes
    return classes


def _between_seeds(model: Any, masks: Sequence[Image]) -> float:
    """The mean absolute difference, from 0 to 1, of two pictures drawn from one mask."""
    pairs = [[model.generate([""], masks=[mask], seed=seed)[0].pixels for seed in (1, 2)] for mask in masks]
    return float(np.mean([np.abs(a.astype(np.float64) - b).mean() / 255 for a, b in pairs]))
