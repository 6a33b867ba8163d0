"""Letters and phones as ids, and how a letter-to-sound network reads words in batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from mmzoo_tts.inventory import PHONES

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
END = 0  # the id of the pause, which occurs in no word; also padding
PHONES_PER_LETTER = 2  # at most, as in "x": k s


class Reader:
    """A letter-to-sound network that decodes greedily, whichever engine runs it.

    Args:
        letters: The letters that it reads; id 0 is padding.
        phones: The phones that it predicts, the first of which is the pause.
    """

    def __init__(self, letters: str = LETTERS, phones: Sequence[str] = PHONES) -> None:
        super().__init__()
        self.alphabet, self.phones = letters, tuple(phones)
        self._letter_ids = {letter: index for index, letter in enumerate(letters, 1)}
        self._phone_ids = {phone: index for index, phone in enumerate(phones)}

    @property
    def start(self) -> int:
        """The id that stands before the first phone of a word."""
        return len(self.phones)

    def encode(self, word: str) -> list[int]:
        """Letter ids of a word; characters outside its alphabet are ignored."""
        return [self._letter_ids[letter] for letter in word.lower() if letter in self._letter_ids]

    def encode_phones(self, phones: Sequence[str]) -> list[int]:
        """Phone ids."""
        return [self._phone_ids[phone] for phone in phones]

    def pronounce(self, words: Sequence[str], *, batch_size: int = 256) -> list[tuple[str, ...]]:
        """The phones of each word by greedy decoding; characters outside its alphabet are ignored.

        A word's phones do not depend on the other words of its batch.

        Args:
            words: Spellings.
            batch_size: Words decoded at once.

        Returns:
            Phones of each word; empty if the network predicts none.
        """
        results: list[tuple[str, ...]] = [()] * len(words)
        encoded = [self.encode(word) for word in words]
        order = sorted((index for index, ids in enumerate(encoded) if ids), key=lambda index: len(encoded[index]))
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            for row, index in zip(self._greedy([encoded[index] for index in chunk]), chunk, strict=True):
                results[index] = tuple(self.phones[phone] for phone in row if phone != END)
        return results

    @abstractmethod
    def _greedy(self, letters: list[list[int]]) -> list[list[int]]:
        """The phone ids of each word, perhaps with END at its end, given its letter ids."""
