"""Synthetic rows with every column, for checking heads of any task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset


def rows_of(rows: Any, count: int = 2) -> Dataset | None:
    """The dataset that `rows` of a trial stands for.

    Args:
        rows: True for sample rows, a mapping for sample rows with its values in some columns, False or None for no
            rows, or the rows themselves as a list or Dataset.
        count: Number of sample rows.
    """
    from datasets import Dataset

    if rows is True or isinstance(rows, Mapping):
        return sample_rows(count, {} if rows is True else rows)
    if rows is None or rows is False:
        return None
    return rows if isinstance(rows, Dataset) else Dataset.from_list(rows)


def sample_rows(count: int = 2, columns: Mapping[str, Sequence[Any]] | None = None) -> Dataset:
    """Rows with a noisy tone (about 1 s at 16 kHz, with phones), 32 x 32 pixels of noise, a caption and a label.

    Consecutive rows differ in length and label.

    Args:
        count: Number of rows.
        columns: Values for some columns in place of the default ones, repeated over the rows.
    """
    from mmzoo.data import encode_audio, encode_image, make_row, to_dataset
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
    return to_dataset(rows)
