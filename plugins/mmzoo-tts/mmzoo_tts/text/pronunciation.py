"""What the phonemizer returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmzoo_tts.text.phones import PAUSE

Source = Literal["lexicon", "letters", "spelled"]


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word.

    Args:
        text: The piece of the text it was read from; several words may share it ("$3.50").
        spoken: The word as spoken, in lower case.
        phones: Its phones.
        source: `lexicon`, `letters` (the letter-to-sound network) or `spelled`.
    """

    text: str
    spoken: str
    phones: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two pauses.

    Args:
        words: The words.
        end: The mark that ends the phrase, one of `. ? ! ; : - ,`.
    """

    words: tuple[Word, ...]
    end: str

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones of all words, without pauses."""
        return tuple(phone for word in self.words for phone in word.phones)


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A text as phrases, words and phones.

    Args:
        phrases: The phrases.
        notes: Sentences about what was spelled or left out.
    """

    phrases: tuple[Phrase, ...]
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return tuple(word for phrase in self.phrases for word in phrase.words)

    @property
    def phones(self) -> tuple[str, ...]:
        """All phones, with a pause before, between and after the phrases, as in flite."""
        phones = [PAUSE]
        for phrase in self.phrases:
            phones += [*phrase.phones, PAUSE]
        return tuple(phones)

    @property
    def spoken(self) -> str:
        """The spoken words with the marks of the phrases."""
        return " ".join(" ".join(word.spoken for word in phrase.words) + phrase.end for phrase in self.phrases)
