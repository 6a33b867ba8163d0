"""Rules for addresses: of the Internet, of electronic mail, and of files."""

from __future__ import annotations

import re

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Item, letters, words

_DOMAINS = "com|org|net|edu|gov|io|ai|dev|app|info|co|uk|de|fr|eu|us|ca|jp"
_ADDRESS = re.compile(
    r"(?:https?://|ftp://|www\.)[^\s<>\"()]+"
    r"|~?(?:/[\w.+-]{1,255}){2,}/?|~/[\w.+-]{1,255}"
    r"|[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}"
    rf"|[A-Za-z0-9][A-Za-z0-9-]{{0,62}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,6}}\.(?:{_DOMAINS})\b(?![.-]?\w)(?:/[^\s<>\"()]*)?"
)
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]")
_SIGNS = {
    ".": "dot",
    "/": "slash",
    "@": "at",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
}


def address(text: str, position: int) -> tuple[int, list[Item]] | None:
    """The end and the items of the address at `position`, or None if none starts there."""
    if text[position - 1 : position].isalnum() and position:
        return None
    match = _ADDRESS.match(text, position)
    if not match:
        return None
    written = match[0].rstrip(".,;:!?'-")
    items: list[Item] = []
    for part in _PART.findall(written.replace("://", " ")):
        if part.isdigit():
            items += words(written, numbers.digits(part) if len(part) > 2 else numbers.number_words(part))
        elif part in _SIGNS:
            items += words(written, _SIGNS[part])
        elif part.isalpha():
            spelled = not _VOWEL.search(part) or part.lower() in {"ai", "io", "uk", "us", "eu", "de", "fr", "ca", "jp"}
            spelled = spelled or len(part) == 1
            items += letters(written, part) if spelled else words(written, part.lower())
    return position + len(written), items
