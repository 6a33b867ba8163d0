"""Made-up data with every column, on which heads of any task are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset


def rows_of(told: Any, count: int = 2) -> Dataset | None:
    """What `rows` of a trial stands for.

    True is `count` sample rows, a mapping is such rows with other values in its columns, false is none, and a list is
    rows itself.
    """
    from datasets import Dataset

    if told is True or isinstance(told, Mapping):
        return sample_rows(count, {} if told is True else told)
    if told is None or told is False:
        return None
    return told if isinstance(told, Dataset) else Dataset.from_list(told)


def sample_rows(count: int = 2, columns: Mapping[str, Sequence[Any]] | None = None) -> Dataset:
    """A tone in noise (about a second at 16 kHz, with phones), noise as 32 x 32 pixels, a caption and a label each.

    Lengths differ from row to row, and so do the labels.

    Args:
        count: How many rows.
        columns: Values that the first rows, and again the following ones, have instead in some columns.
    """
    from datasets import Dataset

    from mmzoo.data import encode_audio, encode_image, make_row, row_features
    from mmzoo.interfaces import Audio, Image

    generator = np.random.default_rng(0)
    tone = np.cos(2 * np.pi * 120 / 16000 * np.arange(20000)[:, None] * np.arange(1, 9)).mean(1)
    sound = (0.5 * tone + 0.01 * generator.standard_normal((count, 20000))).astype(np.float32)
    pixels = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    rows = []
    for index in range(count):
        short = index % 2
        row = {
            "id": f"row-{index}",
            "text": "a circle" if short else "a red circle",
            "audio": encode_audio(Audio(sound[index, : 20000 - 4000 * short], 16000)),
            "image": encode_image(Image(pixels[index])),
            "label": str(index),
            "speaker": "somebody",
            "phones": ["sil", "a", "sil"] if short else ["sil", "a", "b", "sil"],
            "phone_ends_s": [0.2, 0.8, 1.0] if short else [0.2, 0.8, 1.0, 1.25],
            "phone_set": "letters",
            "split": "train",
        }
        own = {name: values[index % len(values)] for name, values in (columns or {}).items()}
        rows.append(make_row(**{**row, **own}))
    return Dataset.from_list(rows, features=row_features())
