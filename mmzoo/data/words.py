"""A vocabulary of words, and captions as word ids."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmzoo.errors import CorruptFileError, DataError

WORDS_FILE = "words.json"
PADDING = 0
LARGEST = 8192
"""Words of the largest vocabulary to which a model is extended."""
_TOKEN = re.compile(r"[a-z]+|[0-9]")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPELLED = {str(digit): word for digit, word in enumerate(_DIGITS)}


class Words:
    """The words that a model knows, stored beside its weights in the order of their ids; id 0 is padding."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = list(words)
        self._ids = {word: index for index, word in enumerate(self.words, 1)}

    @classmethod
    def of(cls, texts: Sequence[str], most: int) -> Words:
        """All words of the texts, in alphabetical order. Raises DataError if there are none, or `most` or more."""
        words = sorted({word for text in texts for word in split(text)})
        if not words or len(words) >= most:
            raise DataError(f"The captions have {len(words)} different words; the model takes 1 to {most - 1}.")
        return cls(words)

    def extended(self, texts: Sequence[str]) -> Words:
        """These words with their ids, then the new ones of the texts in alphabetical order."""
        known = set(self.words)
        return Words([*self.words, *sorted({word for text in texts for word in split(text)} - known)])

    def vocabulary_for(self, texts: Sequence[str], vocabulary: int) -> int:
        """The vocabulary of a model that also learns the words of these texts: the given one, or more.

        Raises:
            DataError: A text has no word of the letters a-z, or there are too many words.
        """
        if empty := [text for text in texts if not split(text or "")]:
            raise DataError(
                f"{len(empty)} of {len(texts)} rows have no text with words of the letters a-z, such as {empty[0]!r};"
                " give each picture or sound a text: a class by its folder's name, a .txt beside it, or a metadata.csv."
            )
        needed = len(self.extended(texts).words) + 1
        if needed > LARGEST:
            raise DataError(
                f"The texts have {needed} different words; at most {LARGEST} can be learned, so shorten them."
            )
        return vocabulary if needed <= vocabulary else -(-needed // 64) * 64

    def ids(self, texts: Sequence[str]) -> tuple[Tensor, list[tuple[str, ...]]]:
        """Ids int64 `[B, N]`, N at least 1, padded with 0, and the unknown words of each text.

        A digit that is not in the vocabulary is read as its word.
        """
        rows, unknown = [], []
        for text in texts:
            words = [word if word in self._ids else _SPELLED.get(word, word) for word in split(text)]
            rows.append([self._ids[word] for word in words if word in self._ids])
            unknown.append(tuple(dict.fromkeys(word for word in words if word not in self._ids)))
        longest = max(1, max(map(len, rows), default=1))
        padded = [row + [PADDING] * (longest - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.int64).view(len(rows), longest), unknown

    def known_ids(self, texts: Sequence[str]) -> Tensor:
        """Ids of training captions, `[B, N]`. Raises DataError for an unknown word."""
        ids, unknown = self.ids(texts)
        if any(unknown):
            first = next(words for words in unknown if words)[0]
            raise DataError(f"The captions have words that the model does not know, such as {first!r}.")
        return ids

    def file(self) -> Mapping[str, bytes]:
        """`words.json` as content by file name."""
        return {WORDS_FILE: json.dumps(self.words, indent=0).encode()}

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read `words.json`. Raises CorruptFileError if it is missing or is not a list of distinct words."""
        path = Path(folder) / WORDS_FILE
        try:
            words = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the words in {path}: {error}; download the model again.") from error
        valid = isinstance(words, list) and all(isinstance(word, str) and _TOKEN.fullmatch(word) for word in words)
        if not valid or len(set(words)) != len(words):
            raise CorruptFileError(f"{path} is not a list of distinct words; download the model again.")
        return cls(words)


def trimmed(ids_BN: Tensor) -> Tensor:
    """Ids without the columns that are padding in every row; at least one column is kept."""
    return ids_BN[:, : max(1, int((ids_BN != PADDING).sum(1).max()))]


def split(text: str) -> list[str]:
    """The lowercase words and the digits of a text; accented letters count as those without accents."""
    plain = text if text.isascii() else re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
    return _TOKEN.findall(plain.lower())
