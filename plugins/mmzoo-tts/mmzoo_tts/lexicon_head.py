"""A head that pronounces words by a lexicon and a letter-to-sound network, and learns from words and their phones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from mmzoo.errors import CorruptFileError, DataError
from mmzoo.interfaces import ALONE, Losses, TaskHead, TrainingState
from mmzoo_tts.letters import PHONES_PER_LETTER, LetterToSound, pad
from mmzoo_tts.text.pronunciation import Source

if TYPE_CHECKING:
    from datasets import Dataset

LEXICON_FILE = "lexicon.json"
LONGEST_WORD = 30

Sound = tuple[tuple[str, ...], Source]


class LexiconHead(TaskHead):
    """The lexicon, `lexicon.json` in the model's folder, has one pronunciation per word.

    Args:
        letters: Reads words that the lexicon lacks.
        word: Matches every word that the lexicon may have.
    """

    columns = ("word", "phones")
    batch_keys = ("letters", "phones")

    def __init__(self, letters: LetterToSound, word: re.Pattern[str]) -> None:
        super().__init__()
        self.letters = letters
        self._word_pattern = word
        self._lexicon: dict[str, str] = {}
        self._learned: dict[str, Sound] = {}

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones that a text can have, the pause first."""
        return self.letters.phones

    def learnable(self, word: str) -> bool:
        """Whether the sound of a word follows from its letters."""
        return len(word) <= LONGEST_WORD

    # --- files -----------------------------------------------------------------------------------------

    @property
    def lexicon(self) -> Mapping[str, str]:
        """Lower-case words to their phones, separated by spaces."""
        return self._lexicon

    def set_lexicon(self, lexicon: Mapping[str, str]) -> None:
        """Replace the lexicon: lower-case words to phones, separated by spaces."""
        self._lexicon = dict(lexicon)
        self._learned.clear()

    def files(self) -> Mapping[str, bytes]:
        """`lexicon.json`: one object, words in alphabetical order, one per line."""
        text = json.dumps(self._lexicon, indent=0, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {LEXICON_FILE: text.encode()}

    def load_files(self, folder: Path) -> None:
        """Read `lexicon.json`. Raises CorruptFileError if it is missing or malformed."""
        path = Path(folder) / LEXICON_FILE
        try:
            lexicon = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the lexicon {path}: {error}; fetch the model again.") from error
        self.set_lexicon(self._checked(lexicon, str(path), CorruptFileError))

    def _checked(self, lexicon: Any, where: str, error: type[Exception]) -> dict[str, str]:
        """The lexicon, if it maps words to known phones; otherwise an error that names the first bad entry."""
        if not isinstance(lexicon, dict):
            raise error(f"The lexicon in {where} is not an object that maps words to phones.")
        if not self._all_well(lexicon):
            for word, phones in lexicon.items():
                if not self._all_well({word: phones}):
                    raise error(
                        f"The lexicon in {where} has the entry {word[:40]!r}: {str(phones)[:80]!r}; expected a word of"
                        f" the model's letters, and phones separated by spaces: {' '.join(self.phones[1:])}."
                    )
        return lexicon

    def _all_well(self, lexicon: Mapping[str, Any]) -> bool:
        """Whether every entry is a word and its phones; checked in bulk, because every load does this."""
        words, sounds = list(lexicon), list(lexicon.values())
        return (
            all(map(self._word_pattern.fullmatch, words))
            and set(map(type, sounds)) <= {str}
            and set(" ".join(sounds).split(" ")) <= set(self.phones[1:])
        )

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
        return LetterExamples.of({word: said for word, said in lexicon.items() if self.learnable(word)}, self.letters)

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
