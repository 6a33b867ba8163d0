"""Letters and phones as ids, and how a letter-to-sound network reads words in batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from mmzoo_tts.inventory import PHONES

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
LETTER_IDS = {letter: index for index, letter in enumerate(LETTERS, 1)}  # 0 is padding
END = 0  # the id of the pause, which occurs in no word; also padding
START = len(PHONES)
PHONES_PER_LETTER = 2  # at most, as in "x": k s


class Reader:
    """A letter-to-sound network that decodes greedily, whichever engine runs it."""

    def pronounce(self, words: Sequence[str], *, batch_size: int = 256) -> list[tuple[str, ...]]:
        """The phones of each word by greedy decoding; characters outside LETTERS are ignored.

        A word's phones do not depend on the other words of its batch.

        Args:
            words: Spellings.
            batch_size: Words decoded at once.

        Returns:
            Phones of each word; empty if the network predicts none.
        """
        results: list[tuple[str, ...]] = [()] * len(words)
        order = sorted((index for index, word in enumerate(words) if word), key=lambda index: len(words[index]))
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            rows = self._greedy([encode(words[index]) for index in chunk])
            for row, index in zip(rows, chunk, strict=True):
                results[index] = tuple(PHONES[phone] for phone in row if phone != END)
        return results

    @abstractmethod
    def _greedy(self, letters: list[list[int]]) -> list[list[int]]:
        """The phone ids of each word, perhaps with END at its end, given its letter ids."""


def encode(word: str) -> list[int]:
    """Letter ids of a word; characters other than a-z and the apostrophe are ignored."""
    return [LETTER_IDS[letter] for letter in word.lower() if letter in LETTER_IDS]
