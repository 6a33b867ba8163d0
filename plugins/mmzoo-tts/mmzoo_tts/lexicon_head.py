"""A head that pronounces words by a lexicon and a letter-to-sound network, and learns from words and their phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from mmzoo.errors import DataError
from mmzoo.interfaces import ALONE, Graph, Losses, TaskHead, TrainingState
from mmzoo_tts.letters import LetterToSound, pad
from mmzoo_tts.pronouncer import Pronouncer
from mmzoo_tts.spelling import PHONES_PER_LETTER

if TYPE_CHECKING:
    from datasets import Dataset


class LexiconHead(Pronouncer, TaskHead):
    """What a phonemizer is beside its rules of a language.

    Args:
        letters: Reads words that the lexicon lacks.
    """

    letters: LetterToSound
    columns = ("word", "phones")
    batch_keys = ("letters", "phones")

    def __init__(self, letters: LetterToSound) -> None:
        super().__init__()
        self.letters = letters
        self.set_lexicon({})

    # --- export ------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """Those of the letter-to-sound network."""
        return self.letters.graphs()

    def settings(self) -> Mapping[str, Any]:
        """The arguments of the `Reader`."""
        return {"letters": self.letters.alphabet, "phones": list(self.letters.phones)}

    # --- training --------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> LetterExamples:
        """Rows `word, phones, heldout`: all but the held-out words join the lexicon and are trained on."""
        missing = {"word", "phones"} - set(rows.column_names)
        if missing:
            raise DataError(
                f"The phonemizer's dataset lacks the column {', '.join(sorted(missing))}; it needs word and phones."
            )
        heldout = rows["heldout"] if "heldout" in rows.column_names else [False] * len(rows)
        lexicon = {
            word.lower(): phones if isinstance(phones, str) else " ".join(phones)
            for word, phones, held in zip(rows["word"], rows["phones"], heldout, strict=True)
            if not held and not word.endswith("'")  # parents' sounds like parents
        }
        if not lexicon:
            raise DataError("The phonemizer's dataset has held-out words only; give it at least one other word.")
        self._checked(lexicon, "the dataset", DataError)
        # Words of an earlier training stay in the lexicon, unless they are held out now.
        out = {word.lower() for word, held in zip(rows["word"], heldout, strict=True) if held}
        self.set_lexicon({word: said for word, said in (self._lexicon | lexicon).items() if word not in out})
        return LetterExamples.of({word: said for word, said in lexicon.items() if self._readable(word)}, self.letters)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Label-smoothed cross-entropy of `phones [B, P]` given `letters [B, L]`, both padded with 0."""
        self._learned.clear()
        loss = self.letters.loss(batch["letters"], batch["phones"])
        return Losses(loss, {"phones": loss.detach()})


@dataclass(frozen=True)
class LetterExamples:
    """Training words of the letter-to-sound network.

    Args:
        letters: Letter ids of each word.
        phones: Phone ids of each word.
        lengths: Number of letters of each word.
    """

    keys: ClassVar = ("letters", "phones")
    letters: list[list[int]]
    phones: list[list[int]]
    lengths: Sequence[int]

    @classmethod
    def of(cls, lexicon: Mapping[str, str], network: LetterToSound) -> LetterExamples:
        """The words with at most two phones a letter; others are spelled and would mislead the network."""
        rows = [
            (network.encode(word), network.encode_phones(phones.split())) for word, phones in sorted(lexicon.items())
        ]
        rows = [(letters, phones) for letters, phones in rows if len(phones) <= PHONES_PER_LETTER * len(letters)]
        return cls([r[0] for r in rows], [r[1] for r in rows], [len(r[0]) for r in rows])

    def __len__(self) -> int:
        return len(self.letters)

    def example(self, index: int, generator: torch.Generator) -> tuple[list[int], list[int]]:
        """Letters and phones of word `index`."""
        return self.letters[index], self.phones[index]

    def collate(self, examples: list[Any]) -> Mapping[str, Tensor]:
        """`letters [B, L]` and `phones [B, P]`, padded with 0."""
        return {"letters": pad([e[0] for e in examples]), "phones": pad([e[1] for e in examples])}
