"""A phonemizer for any alphabet: words and their phones are all that it knows of a language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmzoo.data import as_text
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Size
from mmzoo_tts.letters import LetterToSound, pad
from mmzoo_tts.lexicon_head import LONGEST_WORD, LexiconHead
from mmzoo_tts.phonemizer import listed
from mmzoo_tts.text import Phrase, Pronunciation, Word
from mmzoo_tts.text.items import STRENGTH
from mmzoo_tts.text.phones import phone_set
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon

_MARK = r"[.?!;:,]|…|(?<=\s)[-–—]+(?=\s)|[–—]|\n\s*\n"
_OF_MARK = {"…": ".", "–": "-", "—": "-", "\n": "."}
_NO_LETTER = re.compile(r"[\s\d.?!;:,…–—]")


class LetterPhonemizer(LexiconHead):
    """Text to a `Pronunciation` by a lexicon and a letter-to-sound network, without rules of a language.

    Numbers, abbreviations and other alphabets must be written out; they are left out, and the notes name them.

    Args:
        letters: The lower-case letters of the language.
        phones: Its phones, the first of which is the pause `pau`.
        width: Channels of the network.
        depth: Encoder blocks of the network.
    """

    def __init__(self, *, letters: str, phones: list[str], width: Size = 160, depth: Size = 4) -> None:
        if len(set(letters)) < max(1, len(letters)) or letters != letters.lower() or _NO_LETTER.search(letters):
            raise ConfigError(f"letters must be different lower-case letters, not {letters!r}.", path="letters")
        word = re.compile(f"[{re.escape(letters)}]+")
        super().__init__(LetterToSound(width, depth, letters=letters, phones=phone_set(phones)), word)
        self._alphabet = letters
        either = re.escape(letters + letters.upper())
        self._token = re.compile(rf"(?P<word>[{either}]+)|(?P<mark>{_MARK})|(?P<other>[^\W_]+)")

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
                phones, source = self._learned[written.lower()]
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
            raise InputError(f"The text {content[:60]!r} has no words of the letters {self._alphabet}.")
        notes = [f"Left out, because it is not written in letters of the model: {listed(list(left))}."] if left else []
        return Pronunciation(tuple(phrases), tuple(notes))

    forward = __call__

    def _learn(self, words: list[str]) -> None:
        """Remember the sounds of words, reading those that the lexicon lacks with the network, in one batch."""
        todo = [word for word in dict.fromkeys(words) if word not in self._learned]
        pieces = {
            word: [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)]
            for word in todo
            if word not in self._lexicon
        }
        unread = sorted({piece for parts in pieces.values() for piece in parts})
        read = dict(zip(unread, self.letters.pronounce(unread), strict=True))
        for word in todo:
            if word in pieces:
                self._learned[word] = tuple(phone for piece in pieces[word] for phone in read[piece]), "letters"
            else:
                self._learned[word] = tuple(self._lexicon[word].split()), "lexicon"

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Logits of the network for a word of all letters after the first phones."""
        if inputs is None:
            before = list(range(1, len(self.phones)))
            inputs = {"letters": pad([self.letters.encode(self._alphabet)]), "phones": pad([before])}
        return inputs, {"scores": self.letters(inputs["letters"], inputs["phones"])}
