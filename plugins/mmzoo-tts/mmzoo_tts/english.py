"""English text to phrases, words and phones, whichever engine runs the letter-to-sound network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmzoo.data import as_text
from mmzoo.errors import InputError
from mmzoo_tts.inventory import VOWELS
from mmzoo_tts.pronouncer import Pronouncer, Sound, listed
from mmzoo_tts.text import Break, Phrase, Pronunciation, Spoken, Word
from mmzoo_tts.text.homographs import homograph
from mmzoo_tts.text.marked_text import MarkedText, parse
from mmzoo_tts.text.normalizer import scan
from mmzoo_tts.text.phones import ENDINGS, LETTER_PHONES, possessive
from mmzoo_tts.text.units import PREFIXED
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon

# These take precedence over the lexicon: interjections without a vowel, and words that the text rules produce.
INTERJECTIONS = {
    "hmm": "hh m", "hm": "hh m", "mm": "m", "mhm": "m hh m", "shh": "sh", "sh": "sh", "psst": "p s t",
    "pfft": "f t", "brr": "b er", "grr": "g er", "nth": "eh n th", "miz": "m ih z",
    "git": "g ih t", "colonel": "k er n ax l", "amps": "ae m p s", "newtons": "n uw t ax n z",
    "pascals": "p ae s k ae l z", "electron": "ih l eh k t r aa n", "farads": "f eh r ae d z",
}  # fmt: skip
SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "Where did you put the keys this morning?",
    "She sold her house, bought a boat, and sailed away.",
    "Please call me back at a quarter past nine.",
    "Nobody knew why the old clock had stopped.",
)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_VOWEL = re.compile(r"[aeiouy]")
_LONG_RUN = re.compile(r"(.)\1{2,}")


class EnglishPronouncer(Pronouncer):
    """English text to a `Pronunciation`: homographs by their neighbors, and rules for endings, letters and the like."""

    def __call__(self, text: Any, *, pronunciations: Pronunciations = None) -> Pronunciation:
        """Phrases, words and phones of an English text, or of a dataset row with one.

        Nothing is dropped silently: words that the network cannot read are spelled, and the notes name them, and what
        was left out (emoji, other scripts).

        Args:
            text: The text, perhaps with markup (docs/speech-markup.md).
            pronunciations: The user's own pronunciations, which come before the lexicon: a path or a mapping; see
                `UserLexicon`.

        Raises:
            InputError: The text cannot be spoken at all (see `mmzoo_tts.text.clean`), or its markup or the
                pronunciations have a mistake.
        """
        marked = MarkedText(parse(as_text(text)), UserLexicon.read(pronunciations))
        normal = scan(marked.folded, self, marked.inserts)
        items, written = normal.items, marked.words(normal)
        self._learn([item.word for item in items if isinstance(item, Spoken) and not (item.letter or item.phones)])
        phrases: list[Phrase] = []
        words: list[Word] = []
        spelled: dict[str, None] = {}
        following: Word | None = None
        end = Break(".")
        # Backwards, because "the" and "a" depend on the word that follows.
        for index in range(len(items) - 1, -1, -1):
            item = items[index]
            if isinstance(item, Break):
                if words:
                    phrases.append(Phrase(tuple(reversed(words)), end.mark, end.pause))
                words, following, end = [], None, item
                continue
            before = items[index - 1] if index else None
            phones, source = self._sound(item, before.word if isinstance(before, Spoken) else "", following)
            following = Word(item.written, item.word, phones, source, *written[index])
            words.append(following)
            if source == "spelled" and re.fullmatch(r"[A-Za-z]{2,}(?:'s)?", item.written):
                spelled[item.written] = None
        if words:
            phrases.append(Phrase(tuple(reversed(words)), end.mark, end.pause))
        notes = _notes(list(reversed(spelled)), marked.unspoken)
        return Pronunciation(tuple(reversed(phrases)), tuple(notes), None if words else end.pause)

    def pronounce(self, words: Sequence[str], *, pronunciations: Pronunciations = None) -> list[tuple[str, ...]]:
        """The phones of single words, without context.

        Args:
            words: Words of the letters a-z, with apostrophes inside.
            pronunciations: As for a text.

        Raises:
            InputError: A string is not such a word, or the pronunciations have a mistake.
        """
        lexicon = UserLexicon.read(pronunciations)
        given = [lexicon.lookup(word) for word in words]
        lowered = [word.lower() for word in words]
        for word, phones in zip(lowered, given, strict=True):
            if not phones and not _WORD.fullmatch(word):
                raise InputError(f"{word!r} is not a single word of the letters a-z; to read a text, call the model.")
        self._learn([word for word, phones in zip(lowered, given, strict=True) if not phones])
        return [phones or self._word(word)[0] for word, phones in zip(lowered, given, strict=True)]

    def sample_text(self, number: int) -> str:
        """One of a few sentences."""
        return SENTENCES[number % len(SENTENCES)]

    def specimen(self, number: int) -> Pronunciation:
        """The pronunciation of made-up words."""
        return self(f"The blorptious quizzaneer has {number} thwacklings.")

    def __contains__(self, word: object) -> bool:
        """Whether a lower-case word has a pronunciation of its own."""
        return word in self._lexicon or word in INTERJECTIONS

    # --- one word --------------------------------------------------------------------------------------

    def _sound(self, item: Spoken, before: str, following: Word | None) -> Sound:
        word = item.word
        if item.phones:
            return item.phones, "given"
        if item.letter:
            phones = LETTER_PHONES[word[0]]
            return phones + (possessive(phones) if len(word) > 1 else ()), "spelled"
        if word == "the":
            vowel_next = following is not None and following.phones[0] in VOWELS
            return ("dh", "iy" if vowel_next else "ax"), "lexicon"
        if word == "a":
            return ("ax" if following else "ey",), "lexicon"
        if word in self._lexicon and (sound := homograph(word, before, following.spoken if following else "")):
            return sound, "lexicon"
        return self._word(word)

    def _known(self, word: str, endings: int = 2) -> Sound | None:
        """The sound of a word in the lexicon with at most `endings` endings such as `'s` (who'd've has two)."""
        if word in INTERJECTIONS:
            return tuple(INTERJECTIONS[word].split()), "lexicon"
        if word in self._lexicon:
            return tuple(self._lexicon[word].split()), "lexicon"
        if word in PREFIXED and (sound := self._known(PREFIXED[word][1])):
            return (*PREFIXED[word][0].split(), *sound[0]), "lexicon"
        base, apostrophe, ending = word.rpartition("'")
        listed = bool(base) and endings > 0 and apostrophe + ending in ENDINGS
        if listed and (sound := self._known(base, endings - 1)):
            phones, source = sound
            return phones + ENDINGS[apostrophe + ending](phones), source
        return None

    def _read(self, words: Sequence[str]) -> Mapping[str, Sound]:
        stems = {word: self._stem(word) for word in words}
        unread = sorted({stem for stem, _ in stems.values() if self._readable(stem) and not self._known(stem)})
        read = dict(zip(unread, self.letters.pronounce(unread), strict=True))
        sounds: dict[str, Sound] = {}
        for word, (stem, ending) in stems.items():
            read_or_spelled: Sound = (read[stem], "letters") if read.get(stem) else (_spelled(stem), "spelled")
            phones, source = self._known(stem) or read_or_spelled
            sounds[word] = (phones + (ENDINGS[ending](phones) if ending else ()), source)
        return sounds

    def _readable(self, word: str) -> bool:
        """Two letters or more, with a vowel; others are spelled (bbc) and would mislead the network."""
        return super()._readable(word) and len(word) > 1 and bool(_VOWEL.search(word))

    def _are_words(self, words: Iterable[str]) -> bool:
        return all(map(_WORD.fullmatch, words))

    def _stem(self, word: str) -> tuple[str, str]:
        """A word without ending, apostrophes and drawn-out letters ("sooo" to so, "hmmmm" to hmm), and the ending."""
        base, apostrophe, tail = word.rpartition("'")
        ending = apostrophe + tail if base and apostrophe + tail in ENDINGS else ""
        stem = word.removesuffix(ending)
        for repeats in (r"\1\1", r"\1"):
            short = _LONG_RUN.sub(repeats, stem)
            if self._known(short):
                return short, ending
        if _VOWEL.search(stem):
            stem = _LONG_RUN.sub(r"\1\1", stem)
        return stem.replace("'", ""), ending


def _spelled(word: str) -> tuple[str, ...]:
    return tuple(phone for letter in word for phone in LETTER_PHONES[letter])


def _notes(spelled: list[str], unspoken: Sequence[str]) -> list[str]:
    notes = []
    if spelled:
        notes.append(f"Spelled letter by letter: {listed(spelled)}.")
    if unspoken:
        notes.append(f"Left out, because it is not English text: {listed(unspoken)}.")
    return notes
