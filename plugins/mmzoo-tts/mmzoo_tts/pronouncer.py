"""Text to phones by a lexicon and a letter-to-sound network, whichever the language and the engine of the network."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from mmzoo.errors import CorruptFileError
from mmzoo.interfaces.keywords import Verbs
from mmzoo_tts.spelling import Reader
from mmzoo_tts.text.pronunciation import Pronunciation, Source
from mmzoo_tts.text.user_lexicon import Pronunciations

LEXICON_FILE = "lexicon.json"
LONGEST_WORD = 30
MOST_LEARNED = 50_000
SAMPLE_WORDS = 6

Sound = tuple[tuple[str, ...], Source]


class Pronouncer(Verbs):
    """Text to a `Pronunciation`: words of the lexicon, and other words by `letters`.

    The lexicon, `lexicon.json` in the model's folder, has one pronunciation per word.
    """

    letters: Reader
    _lexicon: dict[str, str]
    _learned: dict[str, Sound]

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones that a text can have, the pause first."""
        return self.letters.phones

    @abstractmethod
    def __call__(self, text: Any, *, pronunciations: Pronunciations = None) -> Pronunciation:
        """Phrases, words and phones of a text, or of a dataset row with one. Raises InputError."""

    def sample_text(self, number: int) -> str:
        """A text that it can read: some words of the lexicon, other ones for each number; "" without a lexicon."""
        words = sorted(self._lexicon)  # whatever order they were given in
        return " ".join(Random(number).sample(words, min(SAMPLE_WORDS, len(words)))) + "." if words else ""

    # --- one word --------------------------------------------------------------------------------------

    def _word(self, word: str) -> Sound:
        """The sound of a word that is known or learned."""
        return self._known(word) or self._learned[word]

    def _known(self, word: str) -> Sound | None:
        """The sound of a word that needs no network."""
        return (tuple(self._lexicon[word].split()), "lexicon") if word in self._lexicon else None

    def _learn(self, words: Sequence[str]) -> None:
        """Read all unknown words with the network, in one batch, and remember them."""
        if len(self._learned) > MOST_LEARNED:
            self._learned.clear()
        todo = [word for word in dict.fromkeys(words) if word not in self._learned and not self._known(word)]
        if todo:
            self._learned.update(self._read(todo))

    @abstractmethod
    def _read(self, words: Sequence[str]) -> Mapping[str, Sound]:
        """The sounds of unknown words."""

    def _readable(self, word: str) -> bool:
        """Whether the sound of a word follows from its letters, and the network can read it."""
        return 0 < len(word) <= LONGEST_WORD

    def _are_words(self, words: Iterable[str]) -> bool:
        """Whether all are words that a lexicon may have."""
        return all(words) and set("".join(words)) <= set(self.letters.alphabet)

    # --- files -----------------------------------------------------------------------------------------

    @property
    def lexicon(self) -> Mapping[str, str]:
        """Lower-case words to their phones, separated by spaces."""
        return self._lexicon

    def set_lexicon(self, lexicon: Mapping[str, str]) -> None:
        """Replace the lexicon: lower-case words to phones of `phones`, separated by spaces."""
        self._lexicon = dict(lexicon)
        self._learned = {}

    def files(self) -> Mapping[str, bytes]:
        """`lexicon.json`: one object, words in alphabetical order, without spaces, which would be 4 % of the file."""
        text = json.dumps(self._lexicon, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
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
        sounds = list(lexicon.values())
        return (
            self._are_words(lexicon)
            and set(map(type, sounds)) <= {str}
            and set(" ".join(sounds).split(" ")) <= set(self.phones[1:])
        )


def listed(pieces: Sequence[str]) -> str:
    """The first pieces, for a note."""
    shown = ", ".join(piece if len(piece) <= 40 else piece[:37] + "..." for piece in pieces[:10])
    return shown + (f" and {len(pieces) - 10} more" if len(pieces) > 10 else "")
