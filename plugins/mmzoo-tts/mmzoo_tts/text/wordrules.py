"""Rules for text with letters: abbreviations, initials, addresses, Roman numerals, acronyms, words."""

from __future__ import annotations

import re
from collections.abc import Container

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import INSERT, Break, Item, Spoken, letters, words
from mmzoo_tts.text.quantities import MONTH_DAY, month_day
from mmzoo_tts.text.tables import (
    ABBREVIATIONS,
    BARE,
    DAYS,
    ENDINGS,
    MONTH_NUMBERS,
    MONTHS,
    NUMBERED,
    PHRASES,
    PLAIN_ROMANS,
    RULERS,
    STARTERS,
    TITLES,
)

WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_PHRASE = re.compile("|".join(sorted(map(re.escape, PHRASES), key=len, reverse=True)), re.IGNORECASE)
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,}(?![A-Za-z])|(?:[A-Z]\.)+(?=\s?[A-Z][a-z])|(?:[A-Za-z]\.)+[A-Za-z]\b(?!\.)")
_NEXT_WORD = re.compile(rf"\s+(?:[\"'(]\s?)?{INSERT}?([A-Za-z]+)")
_DOMAINS = "com|org|net|edu|gov|io|ai|dev|app|info|co|uk|de|fr|eu|us|ca|jp"
_ADDRESS = re.compile(
    r"(?:https?://|ftp://|www\.)[^\s<>\"()]+"
    r"|[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}"
    rf"|[A-Za-z0-9][A-Za-z0-9-]{{0,62}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,6}}\.(?:{_DOMAINS})\b(?![.-]?\w)(?:/[^\s<>\"()]*)?"
)
_ADDRESS_PART = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]")
_ADDRESS_SIGNS = {
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
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_NOT_A_NAME = STARTERS | {
    "Near",
    "Of",
    "By",
    "Visit",
    "See",
    "Is",
    "Was",
    "Dear",
    "Saint",
    "Mount",
    "Fort",
    "Port",
    "Mr",
    "Mrs",
}


def sentence_follows(text: str, end: int) -> bool:
    """Whether a period before `end` also ends a sentence: nothing, a blank line or a new sentence follows."""
    if not text[end:].strip() or text.startswith("\n\n", end):
        return True
    match = _NEXT_WORD.match(text, end)
    return bool(match and match[1] in STARTERS)


def abbreviation(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    """The end and the items of an abbreviation, initials, a date or an Internet address at `position`, or None.

    Args:
        text: The text.
        position: Where to look.
        previous: The previous piece of text as written, "" at the start of a phrase.
    """
    return (
        _address(text, position)
        or _phrase(text, position)
        or _month(text, position)
        or _dotted(text, position, previous)
    )


def _stop(text: str, end: int, items: list[Item], *, may_end: bool = True) -> tuple[int, list[Item]]:
    return end, [*items, Break(".")] if may_end and text[end - 1] == "." and sentence_follows(text, end) else items


def _phrase(text: str, position: int) -> tuple[int, list[Item]] | None:
    match = _PHRASE.match(text, position)
    if match and not (match[0][-1].isalnum() and text[match.end() : match.end() + 1].isalnum()):
        said = PHRASES[match[0].lower()].split()
        items = [Spoken(match[0], word, letter=len(word) == 1) for word in said]
        return _stop(text, match.end(), list(items), may_end=match[0].lower() in {"ph.d.", "p.s.", "et al."})
    match = _INITIALS.match(text, position)
    if match:
        return _stop(text, match.end(), letters(match[0], match[0]))
    return None


def _month(text: str, position: int) -> tuple[int, list[Item]] | None:
    match = MONTH_DAY.match(text, position)
    if match and (items := month_day(match)):
        return match.end(), items
    return None


def _dotted(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    match = WORD.match(text, position)
    if not match:
        return None
    word, end = match[0], match.end()
    lower, dot = word.lower(), text.startswith(".", end) and not text[end + 1 : end + 2].isalnum()
    if not dot and ((lower not in BARE and lower not in {"dr", "st"}) or (not word[0].isupper() and lower in TITLES)):
        return None
    if not dot and word.isupper() and len(word) > 1:
        return None
    written, after = text[position : end + dot], text[end + dot :]
    following = _NEXT_WORD.match(text, end + dot)
    name_next = bool(following and following[1][0].isupper())
    if lower in {"dr", "st"}:
        if not word[0].isupper():
            return None
        street = (previous[:1].isupper() and previous not in _NOT_A_NAME) or previous[:1].isdigit()
        street = street and not (name_next and lower == "dr" and following and following[1] not in STARTERS)
        if not dot and not street and not name_next:
            return None
        said = {"dr": ("doctor", "drive"), "st": ("saint", "street")}[lower][street]
        return _stop(text, end + dot, words(written, said), may_end=street)
    if lower in TITLES:
        plain = lower in {"mr", "mrs", "ms", "prof"} and dot
        return (end + dot, words(written, TITLES[lower])) if word[0].isupper() and (name_next or plain) else None
    if lower == "no" and dot and re.match(r"\s?\d", after):
        return end + dot, words(written, "number")
    if lower == "p" and dot and re.match(r"\s?\d", after):
        return end + dot, words(written, "page")
    if word in MONTH_NUMBERS and word not in MONTHS and dot:
        return _stop(text, end + dot, words(written, MONTHS[MONTH_NUMBERS[word] - 1].lower()))
    if word in DAYS and dot and re.match(r",|\s?(?:\d|-)|\s(?:Jan|Feb|Ma|Ap|Ju|Aug|Sep|Oct|Nov|Dec)", after):
        return end + dot, words(written, DAYS[word])
    if lower in ENDINGS and not (lower in {"co", "sr", "sq", "ln", "rd", "ave"} and not word[0].isupper()):
        return _stop(text, end + dot, words(written, ENDINGS[lower]))
    # At the end of a sentence, "min." or "sec." is more likely the word itself.
    if (lower in ABBREVIATIONS and re.match(r"\s+[a-z\d(]|,", after)) or lower in {"vs", "approx", "dept", "govt"}:
        return _stop(text, end + dot, words(written, ABBREVIATIONS[lower]))
    return None


def _address(text: str, position: int) -> tuple[int, list[Item]] | None:
    if text[position - 1 : position].isalnum() and position:
        return None
    match = _ADDRESS.match(text, position)
    if not match:
        return None
    written = match[0].rstrip(".,;:!?'-")
    items: list[Item] = []
    for part in _ADDRESS_PART.findall(written.replace("://", " ")):
        if part.isdigit():
            items += words(written, numbers.digits(part) if len(part) > 2 else numbers.number_words(part))
        elif part in _ADDRESS_SIGNS:
            items += words(written, _ADDRESS_SIGNS[part])
        elif part.isalpha():
            spelled = not _VOWEL.search(part) or part.lower() in {"ai", "io", "uk", "us", "eu", "de", "fr", "ca", "jp"}
            items += letters(written, part) if spelled else words(written, part.lower())
    return position + len(written), items


def roman_numeral(word: str, previous: str, rest: str) -> list[Item] | None:
    """A Roman numeral in context (`Henry VIII`, `chapter IV`, `World War II`) or a clear one alone, or None."""
    value = numbers.roman(word)
    if value is None:
        return None
    before = previous.lower().removesuffix("'s")
    if before in NUMBERED:
        return words(word, numbers.cardinal(value))
    if before in RULERS and previous[0].isupper():
        # In "When Charles I met", "I" is read as the pronoun; in "Charles I of England" and the like, as a numeral.
        if word == "I" and re.match(r"\s+[a-z]", rest) and not re.match(r"\s+(?:of|and|was|the)\b", rest):
            return None
        return words(word, ["the", *numbers.ordinal(value)])
    if word in PLAIN_ROMANS or (
        len(word) > 1 and previous[:1].isupper() and previous.isalpha() and set(word) <= set("IVX")
    ):
        return words(word, numbers.cardinal(value))
    return None


def plain_word(word: str, known: Container[str], *, shouted: bool, mixed: bool) -> list[Item]:
    """A run of letters as one word, spelled, or, in camel case, as several words.

    Args:
        word: Letters, with apostrophes inside.
        known: Words with a pronunciation.
        shouted: Neighboring words are in capitals too, so capitals mean nothing.
        mixed: A digit directly precedes or follows.
    """
    base, suffix = (word[:-2], "'s") if word.lower().endswith("'s") else (word, "")
    lower = word.lower()
    if lower in known or (suffix and base.lower() in known and not (mixed and len(base) < 3)):
        short_capitals = mixed and base.isupper() and len(base) < 3
        return _spell(word, base, suffix) if short_capitals or len(base) == 1 else words(word, lower)
    if len(base) == 1 or (mixed and len(base) < 3):
        return _spell(word, base, suffix)
    if base.isupper():
        capitals_mean_nothing = shouted and len(base) > 3
        spelled = (len(base) <= 4 and not capitals_mean_nothing) or not _VOWEL.search(base)
        return _spell(word, base, suffix) if spelled else words(word, lower)
    if base[:-1].isupper() and base.endswith("s") and len(base) > 2:
        return _spell(word, base[:-1], "'s")
    parts = _CAMEL.findall(base)
    # A single letter may start a camel-case word (eBay) but not be inside it (LaTeX); "Mc" is not a word.
    if (
        len(parts) > 1
        and "'" not in base
        and all(len(part) > 1 for part in parts[1:])
        and parts[0] not in {"Mc", "Mac"}
    ):
        items = [item for part in parts for item in plain_word(part, known, shouted=False, mixed=False)]
        return [*items[:-1], _with_suffix(items[-1], word, suffix)] if suffix else items
    return words(word, lower)


def _spell(written: str, base: str, suffix: str) -> list[Item]:
    items = letters(written, base)
    return [*items[:-1], _with_suffix(items[-1], written, suffix)] if suffix and items else items


def _with_suffix(item: Item, written: str, suffix: str) -> Item:
    return Spoken(written, item.word + suffix, item.letter) if isinstance(item, Spoken) else item
