"""Text to phrases, words and phones by a lexicon and a letter-to-sound network, whichever engine runs the network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mmzoo.data import as_text
from mmzoo.errors import CorruptFileError, InputError
from mmzoo.interfaces.keywords import Verbs
from mmzoo_tts.text import PHONE_IDS, VOWELS, Break, Phrase, Pronunciation, Spoken, Word
from mmzoo_tts.text.homographs import homograph
from mmzoo_tts.text.marked_text import MarkedText, parse
from mmzoo_tts.text.normalizer import scan
from mmzoo_tts.text.phones import ENDINGS, LETTER_PHONES, PAUSE, possessive
from mmzoo_tts.text.pronunciation import Source
from mmzoo_tts.text.units import PREFIXED
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon

LEXICON_FILE = "lexicon.json"
LONGEST_WORD = 30

# These take precedence over the lexicon: interjections without a vowel, and words that the text rules produce.
INTERJECTIONS = {
    "hmm": "hh m", "hm": "hh m", "mm": "m", "mhm": "m hh m", "shh": "sh", "sh": "sh", "psst": "p s t",
    "pfft": "f t", "brr": "b er", "grr": "g er", "nth": "eh n th", "miz": "m ih z",
    "git": "g ih t", "colonel": "k er n ax l", "amps": "ae m p s", "newtons": "n uw t ax n z",
    "pascals": "p ae s k ae l z", "electron": "ih l eh k t r aa n", "farads": "f eh r ae d z",
}  # fmt: skip
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_WORDS = re.compile(r"(?:[a-z]++(?:'[a-z]++)*+\n)*+")
_SOUNDS = set(PHONE_IDS) - {PAUSE}
_READABLE = re.compile(r"[aeiouy]")
_LONG_RUN = re.compile(r"(.)\1{2,}")

Sound = tuple[tuple[str, ...], Source]


class Reads(Protocol):
    """A letter-to-sound network."""

    def pronounce(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """The phones of each word; empty if it has none."""


class Pronouncer(Verbs):
    """Text to a `Pronunciation`: words of the lexicon, homographs by their neighbors, other words by `letters`."""

    letters: Reads
    _lexicon: dict[str, str]
    _learned: dict[str, Sound]

    # --- inference -------------------------------------------------------------------------------------

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

    def _word(self, word: str) -> Sound:
        return self._known(word) or self._learned[word]

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

    def _learn(self, words: Sequence[str]) -> None:
        """Read all unknown words with the network, in one batch, and remember them."""
        todo = [word for word in dict.fromkeys(words) if word not in self._learned and not self._known(word)]
        if not todo:
            return
        if len(self._learned) > 50_000:
            self._learned.clear()
        stems = {word: self._stem(word) for word in todo}
        unread = sorted({stem for stem, _ in stems.values() if readable(stem) and not self._known(stem)})
        read = dict(zip(unread, self.letters.pronounce(unread), strict=True))
        for word, (stem, ending) in stems.items():
            read_or_spelled: Sound = (read[stem], "letters") if read.get(stem) else (_spelled(stem), "spelled")
            phones, source = self._known(stem) or read_or_spelled
            self._learned[word] = (phones + (ENDINGS[ending](phones) if ending else ()), source)

    def _stem(self, word: str) -> tuple[str, str]:
        """A word without ending, apostrophes and drawn-out letters ("sooo" to so, "hmmmm" to hmm), and the ending."""
        base, apostrophe, tail = word.rpartition("'")
        ending = apostrophe + tail if base and apostrophe + tail in ENDINGS else ""
        stem = word.removesuffix(ending)
        for repeats in (r"\1\1", r"\1"):
            short = _LONG_RUN.sub(repeats, stem)
            if self._known(short):
                return short, ending
        if _READABLE.search(stem):
            stem = _LONG_RUN.sub(r"\1\1", stem)
        return stem.replace("'", ""), ending

    # --- files -----------------------------------------------------------------------------------------

    @property
    def lexicon(self) -> Mapping[str, str]:
        """Lower-case words to their phones, separated by spaces."""
        return self._lexicon

    def set_lexicon(self, lexicon: Mapping[str, str]) -> None:
        """Replace the lexicon: lower-case words to phones of `PHONES`, separated by spaces."""
        self._lexicon = dict(lexicon)
        self._learned = {}

    def files(self) -> Mapping[str, bytes]:
        """`lexicon.json`: one object, words in alphabetical order, one per line."""
        text = json.dumps(self._lexicon, indent=0, sort_keys=True, separators=(",", ":"))
        return {LEXICON_FILE: text.encode()}

    def load_files(self, folder: Path) -> None:
        """Read `lexicon.json`. Raises CorruptFileError if it is missing or malformed."""
        path = Path(folder) / LEXICON_FILE
        try:
            lexicon = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the lexicon {path}: {error}; fetch the model again.") from error
        self.set_lexicon(check_lexicon(lexicon, str(path)))


def check_lexicon(lexicon: Any, where: str, error: type[Exception] = CorruptFileError) -> dict[str, str]:
    """Return the lexicon if it maps words of a-z to known phones.

    Args:
        lexicon: Any value.
        where: Where it comes from, for the error.
        error: The class of the error, which names the first bad entry.
    """
    if not isinstance(lexicon, dict):
        raise error(f"The lexicon in {where} is not an object that maps words to phones.")
    if not _all_well(lexicon):
        for word, phones in lexicon.items():
            if not _all_well({word: phones}):
                raise error(
                    f"The lexicon in {where} has the entry {word[:40]!r}: {str(phones)[:80]!r}; expected a word of a-z"
                    " and phones of flite's set, separated by spaces."
                )
    return lexicon


def _all_well(lexicon: Mapping[str, Any]) -> bool:
    """Whether every entry is a word and its phones; checked in bulk, because every load does this."""
    words, sounds = "".join(f"{word}\n" for word in lexicon), list(lexicon.values())
    return (
        words.count("\n") == len(lexicon)
        and _WORDS.fullmatch(words) is not None
        and set(map(type, sounds)) <= {str}
        and set(" ".join(sounds).split(" ")) <= _SOUNDS
    )


def readable(word: str) -> bool:
    """Whether the letter-to-sound network can read a word: two letters or more, with a vowel, not too long."""
    return len(word) > 1 and len(word) <= LONGEST_WORD and bool(_READABLE.search(word))


def _spelled(word: str) -> tuple[str, ...]:
    return tuple(phone for letter in word for phone in LETTER_PHONES[letter])


def _notes(spelled: list[str], unspoken: Sequence[str]) -> list[str]:
    notes = []
    if spelled:
        notes.append(f"Spelled letter by letter: {_listed(spelled)}.")
    if unspoken:
        notes.append(f"Left out, because it is not English text: {_listed(unspoken)}.")
    return notes


def _listed(pieces: Sequence[str]) -> str:
    shown = ", ".join(piece if len(piece) <= 40 else piece[:37] + "..." for piece in pieces[:10])
    return shown + (f" and {len(pieces) - 10} more" if len(pieces) > 10 else "")
