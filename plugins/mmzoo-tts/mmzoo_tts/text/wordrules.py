"""Rules for text with letters: abbreviations, initials, names of days, letters joined by signs, units alone."""

from __future__ import annotations

import re

from mmzoo_tts.text.acronyms import READ, SPELLED
from mmzoo_tts.text.addresses import address
from mmzoo_tts.text.dates import MONTH_DAY, NAMED_DAYS, ZONE, month_day, named_days, zone
from mmzoo_tts.text.items import INSERT, Break, Item, Spoken, letters, suffixed, words
from mmzoo_tts.text.tables import (
    ABBREVIATIONS,
    BARE,
    DAYS,
    ENDINGS,
    MONTH_NUMBERS,
    MONTHS,
    PHRASES,
    STARTERS,
    TITLES,
)
from mmzoo_tts.text.units import ALONE, unit_names

_UNIT = re.compile(
    rf"(?:{'|'.join(ALONE)}|(?:m|ft|mi|[MGT]B)(?=/s|/h))(?:/(?:hr|h|s|min|day|kg|L|l|m|cm)(?:\^[23])?)?(?![\w^]|[/'-]\w)"
)
_AREA = re.compile(
    r"(?:(?:sq|cu)(?:\.\s?|\s|-)(?:ft|mi|yd|km|cm|mm|m)|sq(?:ft|mi|yd|km|cm|mm|m)|cu(?:ft|yd|mm))\b\.?|(?:sq|cu)\.\s?in\b\.?",
    re.IGNORECASE,
)
_ZIP = re.compile(r"(?<=, )([A-Z]{2}) (\d{5})(?:-(\d{4}))?(?![\d,.]*\d)")
_BEFORE_ONE = frozenset("a an each every one per".split())
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
# Not the beginning of longer initials: "I.E.D." is not "i.e." and a D.
_PHRASE = re.compile(
    "(?:" + "|".join(sorted(map(re.escape, PHRASES), key=len, reverse=True)) + r")(?![A-Za-z](?:\.|\b))", re.IGNORECASE
)
_INITIALS = re.compile(
    r"(?:[A-Za-z]\.){2,}(?:'?s\b|(?![A-Za-z]))|(?:[A-Z]\.)+(?=\s?[A-Z][a-z])|(?:[A-Za-z]\.)+[A-Za-z]\b(?!\.)"
)
_JOINED = re.compile(r"[A-Z]{1,3}(?:&[A-Z]{1,3})+(?:'?s\b|(?![A-Za-z]))|[A-Ga-g]#(?!\w)|[A-Z](?=:(?:\\|/(?!/)))")
_SLASHED = re.compile(r"[A-Z]{1,5}(?:/[A-Z]{1,5})+(?![A-Za-z])")
_JOINED_SIGNS = {"&": "and", "#": "sharp"}
_SPAN = re.compile(r"([A-Z])–([A-Z])\b|(A)-(Z)\b")
_TIMES = ((MONTH_DAY, month_day), (NAMED_DAYS, named_days), (ZONE, zone))
_NEXT_WORD = re.compile(rf"\s+(?:[\"'(]\s?)?{INSERT}?([A-Za-z]+)")
_NAME_AFTER = re.compile(rf"\s*(?:[\"'(]\s?)?{INSERT}?([A-Za-z]+)")
_NUMBERS_FOLLOW = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "fig": "figure", "figs": "figures", "vol": "volume",
    "ch": "chapter", "sec": "section", "eq": "equation", "art": "article", "para": "paragraph",
}  # fmt: skip
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
        address(text, position)
        or _phrase(text, position)
        or (text[position].isupper() and _time(text, position))
        or _joined(text, position)
        or _unit(text, position, previous)
        or _dotted(text, position, previous)
    )


def _stop(text: str, end: int, items: list[Item], *, may_end: bool = True) -> tuple[int, list[Item]]:
    return end, [*items, Break(".")] if may_end and text[end - 1] == "." and sentence_follows(text, end) else items


def _phrase(text: str, position: int) -> tuple[int, list[Item]] | None:
    match = _PHRASE.match(text, position)
    if match and not (match[0][-1].isalnum() and text[match.end() : match.end() + 1].isalnum()):
        said = PHRASES[match[0].lower()].split()
        items: list[Item] = [Spoken(match[0], word, letter=len(word.removesuffix("'s")) == 1) for word in said]
        return _stop(text, match.end(), items, may_end=match[0].lower() in {"ph.d.", "p.s.", "et al."})
    match = _INITIALS.match(text, position)
    if match:
        name = match[0].replace(".", "")
        plural = re.search("(?<=[A-Z])'?s$", name)
        name = name[: plural.start()] if plural else name
        if len(name) > 2 and name in READ:
            return _stop(text, match.end(), words(match[0], name.lower() + ("s" if plural else "")))
        items = letters(match[0], name)
        return _stop(text, match.end(), suffixed(items, match[0]) if plural else items)
    return None


def _time(text: str, position: int) -> tuple[int, list[Item]] | None:
    for pattern, function in _TIMES:
        match = pattern.match(text, position)
        if match and (items := function(match)):
            return match.end(), items
    return None


def _joined(text: str, position: int) -> tuple[int, list[Item]] | None:
    """Letters joined by a sign: `AT&T`, `R&D's`, `C#`, the drive of `C:\\`, and the span `A-Z`."""
    if match := _SPAN.match(text, position):
        first, last = (part for part in match.groups() if part)
        return match.end(), [*letters(match[0], first), *words(match[0], "to"), *letters(match[0], last)]
    if (match := _SLASHED.match(text, position)) and all(p in SPELLED or len(p) == 1 for p in match[0].split("/")):
        items: list[Item] = []
        for part in re.split("(/)", match[0]):
            items += words(match[0], "slash") if part == "/" else letters(match[0], part)
        return match.end(), items
    if match := _ZIP.match(text, position):
        return match.end(), letters(match[0], "".join(part for part in match.groups() if part))
    match = _JOINED.match(text, position)
    if not match:
        return None
    name = re.sub("'?s$", "", match[0])
    items = []
    for part in name:
        items += words(match[0], _JOINED_SIGNS[part]) if part in _JOINED_SIGNS else letters(match[0], part)
    if name != match[0]:
        items = suffixed(items, match[0])
    if match[0].isalpha():
        return match.end() + 1, [*items, *words(":", "colon")]
    return match.end(), items


def _unit(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    """A unit without a number: "in km/h", "per kWh"."""
    match = _AREA.match(text, position) or _UNIT.match(text, position)
    names = match and unit_names(match[0])
    if not match or not names or (text[position - 1 : position].isalnum() and position):
        return None
    return _stop(text, match.end(), words(match[0], names[0 if previous.lower() in _BEFORE_ONE else 1]))


def _dotted(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    match = WORD.match(text, position)
    if not match:
        return None
    word, end = match[0], match.end()
    lower, dot = word.lower(), text.startswith(".", end)
    if dot and text[end + 1 : end + 2].isalnum():
        # "St.Louis" and "No.7" lack a space; in any other word, a letter or digit after a period belongs to it.
        follows = text[end + 1 : end + 3]
        title = lower in TITLES or lower in {"dr", "st"}
        name = word[0].isupper() and follows[0].isupper() and follows[1:].islower()
        dot = (title and name) or (lower in _NUMBERS_FOLLOW and follows[0].isdigit())
    if not dot and ((lower not in BARE and lower not in {"dr", "st"}) or (not word[0].isupper() and lower in TITLES)):
        return None
    if not dot and word.isupper() and len(word) > 1:
        return None
    written, after = text[position : end + dot], text[end + dot :]
    following = _NAME_AFTER.match(text, end + dot)
    name_next = bool(following and following[1][0].isupper())
    if lower in {"dr", "st"}:
        if not word[0].isupper():
            return None
        street = (previous[:1].isupper() and previous not in _NOT_A_NAME) or (
            previous[:1].isdigit() and not (name_next and previous.isdigit())
        )
        street = street and not (name_next and lower == "dr" and following and following[1] not in STARTERS)
        if not dot and not street and not name_next:
            return None
        said = {"dr": ("doctor", "drive"), "st": ("saint", "street")}[lower][street]
        return _stop(text, end + dot, words(written, said), may_end=street)
    if lower in TITLES:
        plain = lower in {"mr", "mrs", "ms", "prof"} and dot
        return (end + dot, words(written, TITLES[lower])) if word[0].isupper() and (name_next or plain) else None
    if lower in _NUMBERS_FOLLOW and dot and re.match(r"\s*\d", after):
        return end + dot, words(written, _NUMBERS_FOLLOW[lower])
    if lower == "c" and dot and re.match(r"\s?\d{3,4}\b", after):
        return end + dot, words(written, "circa")
    if word in MONTH_NUMBERS and word not in MONTHS and dot:
        return _stop(text, end + dot, words(written, MONTHS[MONTH_NUMBERS[word] - 1].lower()))
    if word in DAYS and dot and re.match(r",|\s?(?:\d|-)|\s(?:Jan|Feb|Ma|Ap|Ju|Aug|Sep|Oct|Nov|Dec)", after):
        return end + dot, words(written, DAYS[word])
    if lower in ENDINGS and not (lower in {"co", "sr", "sq", "ln", "rd", "ave"} and not word[0].isupper()):
        return _stop(text, end + dot, words(written, ENDINGS[lower]))
    # At the end of a sentence, "min." or "sec." is more likely the word itself.
    if (lower in ABBREVIATIONS and re.match(r"\s+(?:[a-z\d(]|[IVXL]+\b)|,", after)) or lower in {
        "vs",
        "approx",
        "dept",
        "govt",
    }:
        return _stop(text, end + dot, words(written, ABBREVIATIONS[lower]))
    return None
