"""What the phonemizer returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmzoo_tts.inventory import PAUSE

Source = Literal["given", "lexicon", "letters", "spelled"]


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word.

    Args:
        text: The piece of the text it was read from; several words may share it ("$3.50").
        spoken: The word as spoken, in lower case.
        phones: Its phones.
        source: `given` (by the user), `lexicon`, `letters` (the letter-to-sound network) or `spelled`.
        written: The whole written word that it belongs to, in the text's own spelling ("naïve", "10:45").
        continues: It belongs to the same written word as the word before it.
        rate: Its rate relative to the rest of the text; 2.0 is twice as fast.
    """

    text: str
    spoken: str
    phones: tuple[str, ...]
    source: Source
    written: str = ""
    continues: bool = False
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words between two pauses.

    Args:
        words: The words.
        end: The mark that ends the phrase, one of `. ? ! ; : - ,`.
        pause: Seconds of silence after it, if the text says so.
    """

    words: tuple[Word, ...]
    end: str
    pause: float | None = None

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
        lead: Seconds of silence before the first phrase, if the text says so.
    """

    phrases: tuple[Phrase, ...]
    notes: tuple[str, ...] = ()
    lead: float | None = None

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
