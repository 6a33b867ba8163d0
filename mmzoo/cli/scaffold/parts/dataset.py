"""A dataset: pictures of two colors, generated from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmzoo.data import encode_image, make_row, row_features
from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Image

if TYPE_CHECKING:
    from datasets import DatasetDict


def acme_part(*, train: int = 64, validation: int = 8, side: int = 16, seed: int = 0) -> DatasetDict:
    """Pictures whose halves have different colors; the label is the redder half.

    Args:
        train: Rows in the split `train`.
        validation: Rows in the split `validation`.
        side: Height and width in pixels.
        seed: Seed of the colors.

    Raises:
        ConfigTypeError: `side` is below 2.
    """
    from datasets import Dataset, DatasetDict

    if side < 2:
        raise ConfigTypeError(f"side must be at least 2 pixels, not {side}.", path="side")
    splits = {}
    for number, (split, count) in enumerate((("train", train), ("validation", validation))):
        generator = np.random.default_rng((seed, number))
        rows = []
        for index in range(count):
            left, right = generator.integers(0, 256, (2, 3), dtype=np.uint8)
            pixels = np.empty((side, side, 3), np.uint8)
            pixels[:, : side // 2], pixels[:, side // 2 :] = left, right
            label = "left" if left[0] > right[0] else "right"
            text, image = f"the {label} half is redder", encode_image(Image(pixels))
            rows.append(make_row(id=f"{split}-{index}", text=text, image=image, label=label, split=split))
        splits[split] = Dataset.from_list(rows, features=row_features())
    return DatasetDict(splits)
