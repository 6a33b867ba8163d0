"""Turns rows of a dataset, or a user's inputs, into batches of tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import as_audio, as_image, as_text, fit_image
from mmzoo.errors import DataError, InputError

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_S = 30.0
LONGEST_TEXT = 1000
COLUMNS = {"image": "image", "speech": "audio", "text": "text"}


def pixels_of(given: Any, side: int) -> Tensor:
    """An image as uint8 `[side, side, 3]`: its shorter side resized, its center cropped."""
    return torch.from_numpy(fit_image(as_image(given), (side, side)).pixels.copy())


def samples_of(given: Any, sample_rate: int) -> Tensor:
    """Speech as float `[T]` at the given rate; at most LONGEST_S seconds."""
    audio = as_audio(given, sample_rate)
    if audio.duration > LONGEST_S:
        raise InputError(
            f"The speech lasts {audio.duration:.0f} s; the maximum is {LONGEST_S:g} s, so cut it into pieces."
        )
    return torch.from_numpy(audio.samples)


def bytes_of(given: Any) -> Tensor:
    """A text as its UTF-8 bytes, int64 `[N]`, in lower case; at most LONGEST_TEXT."""
    text = as_text(given)
    if not text.strip():
        raise InputError(f"The text must be a string that is not blank, not {given!r}.")
    content = text.strip().lower().encode(errors="replace")
    if len(content) > LONGEST_TEXT:
        raise InputError(f"The text has {len(content)} bytes; the maximum is {LONGEST_TEXT}, so shorten it.")
    return torch.tensor(list(content))


def batch_of(
    items: Sequence[Mapping[str, Any]], modalities: Sequence[str], *, side: int, sample_rate: int
) -> dict[str, Tensor]:
    """A batch of the modalities that every item has.

    Args:
        items: By modality, None or what `pixels_of`, `samples_of` and `bytes_of` take.
        modalities: The modalities to look for.
        side: Pixels of an image's side.
        sample_rate: Of speech, in Hz.

    Returns:
        `image` uint8 `[B, side, side, 3]`, `speech` `[B, T]` and `text` `[B, N]`, the last two with masks
        `speech_mask` and `text_mask`.
    """
    batch: dict[str, Tensor] = {}
    for name in modalities:
        given = [item.get(name) for item in items]
        if any(value is None for value in given):
            continue
        if name == "image":
            batch[name] = torch.stack([pixels_of(value, side) for value in given])
        elif name == "speech":
            batch |= padded(name, [samples_of(value, sample_rate) for value in given])
        else:
            batch |= padded(name, [bytes_of(value) for value in given])
    return batch


def padded(name: str, rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """Rows `[T]` to one tensor `[B, T]` and its mask."""
    lengths = torch.tensor([len(row) for row in rows])
    joined = pad_sequence(list(rows), batch_first=True)
    return {name: joined, f"{name}_mask": torch.arange(joined.shape[1]) < lengths.unsqueeze(1)}


def labels_of(rows: Dataset) -> set[str]:
    """The different labels of the rows. Raises DataError if a row has none."""
    if "label" not in rows.column_names or any(label is None for label in rows["label"]):
        raise DataError(
            "The dataset has rows without a label; recognition needs one in every row: a folder for each of two or more"
            " classes, or a column label."
        )
    return {str(label) for label in rows["label"]}


def has_modality(rows: Dataset, name: str) -> bool:
    """Whether every row has a modality; not a text that only repeats the label."""
    if COLUMNS[name] not in rows.column_names:
        return False
    if name != "text":
        return all(cell is not None for cell in rows[COLUMNS[name]])
    pairs = list(zip(rows["text"], rows["label"], strict=True))
    return all(text and text.strip() for text, _ in pairs) and any(
        _words(text) != _words(label) for text, label in pairs
    )


def _words(text: object) -> list[str]:
    return re.findall(r"[^\W_]+", str(text).lower())


class Labelled:
    """Labeled rows, held in memory.

    Args:
        rows: A dataset with the columns of COLUMNS and `label`.
        modalities: Which of image, speech and text to read.
        names: The classes in order; if empty, the sorted labels.
        side: Pixels of an image's side.
        sample_rate: Of speech, in Hz.

    Raises:
        DataError: There are no rows, or a row lacks a label or a modality, or has an unknown label.
    """

    def __init__(
        self, rows: Dataset, modalities: Sequence[str], names: Sequence[str], *, side: int, sample_rate: int
    ) -> None:
        if len(rows) == 0:
            raise DataError("The dataset has no rows to train on.")
        self.names = list(names) or sorted(labels_of(rows))
        labels = [str(label) for label in rows["label"]]
        if unknown := sorted(set(labels) - set(self.names)):
            raise DataError(f"The dataset has the label {unknown[0]!r}, which is not one of the model's classes.")
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
        """`label` int64 `[B]`, and the tensors of `batch_of`."""
        batch: dict[str, Tensor] = {"label": torch.tensor([self.labels[index] for index in examples])}
        for name, values in self.parts.items():
            chosen = [values[index] for index in examples]
            batch |= {name: torch.stack(chosen)} if name == "image" else padded(name, chosen)
        return batch
