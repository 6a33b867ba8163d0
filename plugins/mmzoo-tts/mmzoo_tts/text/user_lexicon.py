"""A user's own pronunciations: read from a file or a mapping, and found in a text."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmzoo.data import read_text
from mmzoo.errors import InputError
from mmzoo_tts.text.phones import ENDINGS, parse_phones

LARGEST_FILE = 20_000_000  # bytes
LONGEST_KEY = 100
ENDING = re.compile(r"['’](?:{})(?![^\W_])".format("|".join(ending[1:] for ending in ENDINGS)), re.IGNORECASE)
"""An ending such as `'s` right after a word."""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_JOINERS = ".@'’_"
_NUMBER_JOINERS = ",:/-"


class UserLexicon:
    """Words and their phones.

    A word with a capital letter stands for exactly this spelling (`US`, `Polish`); any other word for every
    capitalization of it (`nginx`). The exact spelling comes first, and a longer entry (`New York`) before a shorter.

    Args:
        entries: Words to phones of the set, as a string or a list of strings.
        where: Where the entries come from, for errors.

    Raises:
        InputError: An entry is not such a word or has an unknown phone.
    """

    def __init__(self, entries: Mapping[Any, Any], where: str = "pronunciations") -> None:
        self._phones: dict[str, tuple[str, ...]] = {}
        self._by_start: dict[str, list[str]] = {}
        for word, said in entries.items():
            key = _key(word, where)
            if isinstance(said, list | tuple) and all(isinstance(phone, str) for phone in said):
                said = " ".join(said)
            if not isinstance(said, str):
                raise InputError(
                    f"The pronunciation of {word!r} in {where} is of type {type(said).__name__}; give its phones as a"
                    " string, separated by spaces."
                )
            self._phones[key] = parse_phones(said, f"{word!r} in {where}")
        for key in self._phones:
            self._by_start.setdefault(_start(key), []).append(key)
        for keys in self._by_start.values():
            keys.sort(key=lambda key: (-len(key), key.islower()))

    @classmethod
    def read(cls, source: Any) -> UserLexicon:
        """A lexicon from a path, an open file, a mapping, or None (empty); a `UserLexicon` is returned as it is.

        A file is a JSON object of words and phones, or plain text with one word and its phones a line
        (`tomato  t ax m aa t ow`); there, `#` starts a comment at the start of a line or after a space.

        Raises:
            InputError: The file is missing, too large, malformed or repeats a word; or as the constructor.
        """
        if isinstance(source, UserLexicon):
            return source
        if source is None:
            return EMPTY
        if isinstance(source, Mapping):
            return cls(source)
        if isinstance(source, str | os.PathLike) or hasattr(source, "read"):
            text, name = read_text(source, "pronunciation", LARGEST_FILE)
            is_json = name.endswith(".json") or (not name.endswith(".txt") and text.lstrip().startswith(("{", "[")))
            return cls(_from_json(text, name) if is_json else _from_lines(text, name), name)
        raise InputError(
            f"pronunciations must be a path or a mapping of words to phones, not of type {type(source).__name__}."
        )

    def split(self, text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """The text in pieces: each a piece, "" and no phones; or a word, its ending ("'s" or "") and its phones."""
        position = 0
        for match in _TOKEN.finditer(text) if self._phones else ():
            start = match.start()
            if start < position:
                continue
            for key in self._by_start.get(match[0].lower(), ()):
                end = start + len(key)
                if not _matches(key, text[start:end]):
                    continue
                ending = ENDING.match(text, end)
                if _bounded(text, start, end, bool(ending)):
                    if start > position:
                        yield text[position:start], "", ()
                    position = ending.end() if ending else end
                    yield text[start:end], text[end:position], self._phones[key]
                    break
        if position < len(text):
            yield text[position:], "", ()

    def lookup(self, word: str) -> tuple[str, ...]:
        """The phones of a word, perhaps with an ending such as `'s`; empty if the lexicon lacks it."""
        pieces = list(self.split(word))
        if len(pieces) != 1 or not pieces[0][2]:
            return ()
        return with_ending(pieces[0][2], pieces[0][1])

    def __len__(self) -> int:
        return len(self._phones)


EMPTY = UserLexicon({})
Pronunciations = str | os.PathLike[str] | Mapping[str, str | Sequence[str]] | UserLexicon | None
"""What `UserLexicon.read` reads."""


def with_ending(phones: tuple[str, ...], ending: str) -> tuple[str, ...]:
    """The phones of a word and an ending after it, such as `'s`."""
    return phones + ENDINGS[ending.lower().replace("’", "'")](phones) if ending else phones


def _key(word: Any, where: str) -> str:
    key = unicodedata.normalize("NFC", word.replace("’", "'")) if isinstance(word, str) else ""
    if not _TOKEN.search(key) or key != " ".join(key.split()) or len(key) > LONGEST_KEY:
        raise InputError(
            f"{where} has the entry {str(word)[:40]!r}; expected a word of at most {LONGEST_KEY} characters, without"
            " spaces around it."
        )
    return key


def _start(key: str) -> str:
    match = _TOKEN.match(key)
    assert match is not None  # a key has a token, and no space before it
    return match[0].lower()


def _matches(key: str, text: str) -> bool:
    text = text.replace("’", "'")
    return text == key or (key == key.lower() and text.lower() == key)


def _bounded(text: str, start: int, end: int, ending: bool) -> bool:
    """Whether text[start:end] is a whole word: not a part of another, of a number or of an Internet address."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if text[start].isalnum() and before and _joined(text[start], before[-1], before[:-1]):
        return False
    return ending or not (text[end - 1].isalnum() and after and _joined(text[end - 1], after[0], after[1:]))


def _joined(character: str, neighbor: str, beyond: str) -> bool:
    if neighbor in _JOINERS:
        return beyond.isalnum()
    return neighbor.isalnum() or (neighbor in _NUMBER_JOINERS and character.isdigit() and beyond.isdigit())


def _from_json(text: str, path: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            words = [word for word, _ in pairs]
            twice = next(word for word in words if words.count(word) > 1)
            raise InputError(f"{path} has the word {twice!r} twice; keep one.")
        return entries

    try:
        entries = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(entries, dict):
        raise InputError(f"{path} is not a JSON object of words and their phones.")
    return entries


def _from_lines(text: str, path: str) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        word, *phones = re.sub(r"(?:^|\s)#.*", "", line).split() or [""]
        if not word:
            continue
        if word in entries:
            raise InputError(f"Line {number} of {path} has the word {word!r} again; keep one.")
        entries[word] = " ".join(parse_phones(" ".join(phones), f"{word!r} in line {number} of {path}"))
    return entries
