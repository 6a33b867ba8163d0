"""Text of any alphabet to phones, whichever engine runs the letter-to-sound network."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from mmzoo.data import as_text
from mmzoo.errors import InputError
from mmzoo_tts.pronouncer import LONGEST_WORD, Pronouncer, Sound, listed
from mmzoo_tts.text import Phrase, Pronunciation, Word
from mmzoo_tts.text.items import STRENGTH
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon

_MARK = r"[.?!;:,]|…|(?<=\s)[-–—]+(?=\s)|[–—]|\n\s*\n"
_OF_MARK = {"…": ".", "–": "-", "—": "-", "\n": "."}


class LetterPronouncer(Pronouncer):
    """Text to a `Pronunciation` without rules of a language; words and marks are all that it reads."""

    name: str

    @cached_property
    def _token(self) -> re.Pattern[str]:
        either = re.escape(self.letters.alphabet + self.letters.alphabet.upper())
        return re.compile(rf"(?P<word>[{either}]+)|(?P<mark>{_MARK})|(?P<other>[^\W_]+)")

    def __call__(self, text: Any, *, pronunciations: Pronunciations = None) -> Pronunciation:
        """Phrases, words and phones of a text, or of a dataset row with one.

        Args:
            text: The text.
            pronunciations: Must be None: the user's own pronunciations are of flite's phones.

        Raises:
            InputError: The text has no words of the model's letters.
        """
        if len(UserLexicon.read(pronunciations)):
            raise InputError(f"{self.name or 'This model'} takes no pronunciations of your own.")
        phrases: list[Phrase] = []
        words: list[Word] = []
        left: dict[str, None] = {}
        content = unicodedata.normalize("NFC", as_text(text))
        tokens = list(self._token.finditer(content))
        self._learn([match["word"].lower() for match in tokens if match["word"]])
        for match in tokens:
            if written := match["word"]:
                phones, source = self._word(written.lower())
                if phones:
                    words.append(Word(written, written.lower(), phones, source, written))
                else:
                    left[written] = None
            elif other := match["other"]:
                left[other] = None
            else:
                first = match["mark"][0]
                mark = _OF_MARK.get(first, first)
                if words:
                    phrases.append(Phrase(tuple(words), mark))
                    words = []
                elif phrases and STRENGTH[mark] > STRENGTH[phrases[-1].end]:  # "?!" or ",..."
                    phrases[-1] = Phrase(phrases[-1].words, mark)
        if words:
            phrases.append(Phrase(tuple(words), "."))
        if not phrases:
            raise InputError(f"The text {content[:60]!r} has no words of the letters {self.letters.alphabet}.")
        notes = [f"Left out, because it is not written in letters of the model: {listed(list(left))}."] if left else []
        return Pronunciation(tuple(phrases), tuple(notes))

    def specimen(self, number: int) -> list[tuple[str, ...]]:
        """What the network makes of some letters of the alphabet."""
        letters = self.letters.alphabet
        start = number % len(letters)
        return self.letters.pronounce([(letters[start:] + letters[:start])[:LONGEST_WORD]])

    def _read(self, words: Sequence[str]) -> Mapping[str, Sound]:
        pieces = {
            word: [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)] for word in words
        }
        unread = sorted({piece for parts in pieces.values() for piece in parts})
        read = dict(zip(unread, self.letters.pronounce(unread), strict=True))
        return {
            word: (tuple(phone for part in parts for phone in read[part]), "letters") for word, parts in pieces.items()
        }
