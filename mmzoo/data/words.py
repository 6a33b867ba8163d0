"""Captions as ids of words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmzoo.errors import CorruptFileError, DataError

WORDS_FILE = "words.json"
PADDING = 0
_TOKEN = re.compile(r"[a-z]+|[0-9]")
_FIGURES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPELT = {str(figure): word for figure, word in enumerate(_FIGURES)}


class Words:
    """The words a model knows; id 0 is padding. They are a file of the model, one list in order of their ids."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = list(words)
        self._ids = {word: index for index, word in enumerate(self.words, 1)}

    @classmethod
    def of(cls, texts: Sequence[str], most: int) -> Words:
        """All words of some texts in alphabetical order. Raises DataError when there are `most` or more."""
        found = sorted({word for text in texts for word in split(text)})
        if not found or len(found) >= most:
            raise DataError(f"The captions have {len(found)} different words; the model takes 1 to {most - 1}.")
        return cls(found)

    def ids(self, texts: Sequence[str]) -> tuple[Tensor, list[tuple[str, ...]]]:
        """Ids int64 `[B, N]` padded with 0 to at least one column, and each text's words that are not known.

        A figure that is not known itself is read as its word.
        """
        rows, unknown = [], []
        for text in texts:
            words = [word if word in self._ids else _SPELT.get(word, word) for word in split(text)]
            rows.append([self._ids[word] for word in words if word in self._ids])
            unknown.append(tuple(dict.fromkeys(word for word in words if word not in self._ids)))
        longest = max(1, max(map(len, rows), default=1))
        padded = [row + [PADDING] * (longest - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.int64).view(len(rows), longest), unknown

    def known_ids(self, texts: Sequence[str]) -> Tensor:
        """Ids of captions to train on, `[B, N]`. Raises DataError for a word that is not known."""
        ids, unknown = self.ids(texts)
        if any(unknown):
            lacking = next(words for words in unknown if words)[0]
            raise DataError(f"The captions have words the model lacks, such as {lacking!r}.")
        return ids

    def file(self) -> Mapping[str, bytes]:
        """`words.json`."""
        return {WORDS_FILE: json.dumps(self.words, indent=0).encode()}

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read `words.json`. Raises CorruptFileError if it is absent or no list of different words."""
        path = Path(folder) / WORDS_FILE
        try:
            words = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the words {path}: {error}; fetch the model again.") from error
        sound = isinstance(words, list) and all(isinstance(word, str) and _TOKEN.fullmatch(word) for word in words)
        if not sound or len(set(words)) != len(words):
            raise CorruptFileError(f"{path} is not a list of different words; fetch the model again.")
        return cls(words)


def trimmed(ids_BN: Tensor) -> Tensor:
    """As many columns as the longest caption has words, at least one."""
    return ids_BN[:, : max(1, int((ids_BN != PADDING).sum(1).max()))]


def split(text: str) -> list[str]:
    """The small-letter words and digits of a text."""
    return _TOKEN.findall(text.lower())
