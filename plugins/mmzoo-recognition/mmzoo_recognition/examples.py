"""Rows, or what a user gives, to batches of tensors of each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import as_audio, as_image
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import Image

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_S = 30.0
LONGEST_TEXT = 1000
COLUMNS = {"image": "image", "speech": "audio", "text": "text"}


def pixels_of(given: Any, side: int) -> Tensor:
    """A picture as uint8 `[side, side, 3]`, resized by cubic interpolation where it must be."""
    image: Image = as_image(given)
    if image.pixels.shape[:2] != (side, side):
        from PIL import Image as Pillow

        small = Pillow.fromarray(image.pixels).resize((side, side), Pillow.Resampling.BICUBIC)
        return torch.from_numpy(np.array(small))
    return torch.from_numpy(image.pixels.copy())


def samples_of(given: Any, sample_rate: int) -> Tensor:
    """Speech as float `[T]` at the rate."""
    audio = as_audio(given, sample_rate)
    if audio.duration > LONGEST_S:
        raise InputError(f"The speech lasts {audio.duration:.0f} s; the most is {LONGEST_S:g} s, cut it up.")
    return torch.from_numpy(audio.samples)


def bytes_of(given: Any) -> Tensor:
    """A text as the numbers of its UTF-8 bytes, int64 `[N]`."""
    text = str(given.get("text") or "") if isinstance(given, Mapping) else given
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"A text is a string with something in it, not {given!r}.")
    content = text.strip().lower().encode(errors="replace")
    if len(content) > LONGEST_TEXT:
        raise InputError(f"The text has {len(content)} bytes; the most is {LONGEST_TEXT}.")
    return torch.tensor(list(content))


def batch_of(
    items: Sequence[Mapping[str, Any]], modalities: Sequence[str], *, side: int, sample_rate: int
) -> dict[str, Tensor]:
    """What all items have, as `image` uint8 `[B, side, side, 3]`, `speech` `[B, T]` and `text` `[B, N]` with masks.

    What an item has of a modality is None, or what `pixels_of`, `samples_of` and `bytes_of` take.
    """
    found: dict[str, Tensor] = {}
    for name in modalities:
        given = [item.get(name) for item in items]
        if any(value is None for value in given):
            continue
        if name == "image":
            found[name] = torch.stack([pixels_of(value, side) for value in given])
        elif name == "speech":
            found |= padded(name, [samples_of(value, sample_rate) for value in given])
        else:
            found |= padded(name, [bytes_of(value) for value in given])
    return found


def padded(name: str, rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """Rows `[T]` to one tensor `[B, T]` and its mask."""
    lengths = torch.tensor([len(row) for row in rows])
    joined = pad_sequence(list(rows), batch_first=True)
    return {name: joined, f"{name}_mask": torch.arange(joined.shape[1]) < lengths.unsqueeze(1)}


class Labelled:
    """Labelled rows in memory. names: of the classes, in order; taken from the labels where none are given."""

    def __init__(
        self, rows: Dataset, modalities: Sequence[str], names: Sequence[str], *, side: int, sample_rate: int
    ) -> None:
        if len(rows) == 0:
            raise DataError("The dataset has no rows to train on.")
        if any(label is None for label in rows["label"]):
            raise DataError("The dataset has rows without a label; recognition needs one for each.")
        labels = [str(label) for label in rows["label"]]
        self.names = list(names) or sorted(set(labels))
        if unknown := sorted(set(labels) - set(self.names)):
            raise DataError(f"The dataset has the label {unknown[0]!r}, which is none of the model's classes.")
        self.labels = [self.names.index(label) for label in labels]
        self.parts: dict[str, list[Tensor]] = {}
        for name in modalities:
            column = rows[COLUMNS[name]] if COLUMNS[name] in rows.column_names else [None]
            if any(cell is None for cell in column):
                raise DataError(f"The dataset has rows without {COLUMNS[name]}, which the model's {name} needs.")
            if name == "image":
                self.parts[name] = [pixels_of(cell, side) for cell in column]
            elif name == "speech":
                self.parts[name] = [samples_of(cell, sample_rate) for cell in column]
            else:
                self.parts[name] = [bytes_of(cell) for cell in column]
        self.lengths = [len(row) for row in self.parts["speech"]] if "speech" in self.parts else [1] * len(labels)

    @property
    def keys(self) -> tuple[str, ...]:
        """`label`, each modality, and the masks of those that are padded."""
        masks = [f"{name}_mask" for name in self.parts if name != "image"]
        return ("label", *self.parts, *masks)

    def __len__(self) -> int:
        return len(self.labels)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself: everything is in memory."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`label` `[B]`, and the tensors of `batch_of`."""
        found: dict[str, Tensor] = {"label": torch.tensor([self.labels[index] for index in examples])}
        for name, values in self.parts.items():
            chosen = [values[index] for index in examples]
            found |= {name: torch.stack(chosen)} if name == "image" else padded(name, chosen)
        return found
