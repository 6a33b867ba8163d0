"""Rules for digits that name something: telephone numbers, versions, addresses, models, hexadecimal numbers."""

from __future__ import annotations

import re

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Break, Item, letters, words
from mmzoo_tts.text.rules import rules, word_before
from mmzoo_tts.text.tables import EMERGENCY_NUMBERS, NUMBERED_IN_PAIRS, VERSIONED

_CALL = re.compile(r"(?:call|dial|phone|ring)(?:ed|s|ing|ling|led|ing)?\Z")


def _telephone(match: re.Match[str]) -> list[Item]:
    """Groups read digit by digit, with a short break between them."""
    groups = re.findall(r"\d+", match[0])
    items: list[Item] = []
    if match[0].startswith("+"):
        items = words("+", "plus")
    for group in groups:
        items += [*words(group, numbers.digits(group)), Break(",")]
    return items[:-1]


def _international(match: re.Match[str]) -> list[Item] | None:
    return _telephone(match) if 8 <= sum(map(str.isdigit, match[0])) <= 16 else None


def _emergency(match: re.Match[str]) -> list[Item] | None:
    called = match[0] in EMERGENCY_NUMBERS and _CALL.match(word_before(match))
    return words(match[0], numbers.digits(match[0])) if called else None


def _address(match: re.Match[str]) -> list[Item] | None:
    """An IP address, perhaps with a port."""
    parts = match[1].split(".")
    if any(int(part) > 255 or (part[0] == "0" and part != "0") for part in parts):
        return None
    said: list[str] = []
    for part in parts:
        said += [*(numbers.digits(part) if len(part) > 2 else numbers.cardinal(int(part))), "dot"]
    return words(match[0], said[:-1] + (["colon", *numbers.digits(match[2])] if match[2] else []))


def _points(match: re.Match[str]) -> list[Item]:
    said: list[str] = []
    for part in match[0].split("."):
        said += [*numbers.number_words(part), "point"]
    return words(match[0], said[:-1])


def _version(match: re.Match[str]) -> list[Item] | None:
    """The second part of a version is a number of its own: Python 3.11 is "three point eleven"."""
    return _points(match) if word_before(match) in VERSIONED else None


def _hexadecimal(match: re.Match[str]) -> list[Item]:
    return words(match[0], "zero") + letters(match[0], match[0][1:])


def _pairs(match: re.Match[str]) -> list[Item]:
    return words(match[0], numbers.pairs(match[0]))


def _named(match: re.Match[str]) -> list[Item] | None:
    if word_before(match) not in NUMBERED_IN_PAIRS:
        return None
    return words(match[0], numbers.pairs(match[1]) + (numbers.pairs(match[2]) if match[2] else []))


def _plural(match: re.Match[str]) -> list[Item]:
    """Several of a model: B-52s, MP3s."""
    return words(match[0], numbers.plural(numbers.pairs(match[1])))


def _early_year(match: re.Match[str]) -> list[Item] | None:
    """Like later years, 1010 to 1099 are read in pairs, but only where they must be years."""
    return _pairs(match) if word_before(match) in {"in", "since", "until", "year", "ad"} else None


_NO_NUMBER_AFTER = r"(?![\d:]|[.,/-]\d)"
RULES = rules(
    (r"\+\d{1,3}(?:[-. ]?\(\d{1,4}\))?(?:[-. ]?\d{2,5}|[-. ]\d){2,6}(?!\d)", _international, "+"),
    (r"(?:\d{1,3}[-. ])?\(\d{2,5}\)\s?\d{3,4}[-. ]\d{3,4}(?!\d)", _telephone, "("),
    (r"\d+(?:-\d+){2,}|(?:\d{3}-|\d{3}–(?=0))\d{4}(?!\d)", _telephone, "-–"),
    (r"(?:555 |\d{3} (?=0))\d{4}(?! ?\d)", _telephone, " "),
    (r"00\d{1,3}(?: \d{2,8}){2,5}(?! ?\d)", _telephone, "0"),
    (r"\+?1-8\d\d(?=-[A-Z])", _telephone, "-"),
    (r"(?:\d([. ]))?\d{3}([. ])\d{3}\2\d{4}(?!\d)|0\d{2,4} (?:\d{3,4} \d{3,4}|\d{6})(?! ?\d)", _telephone, " ."),
    (r"\d{3}" + _NO_NUMBER_AFTER, _emergency, ""),
    (r"(\d{1,3}(?:\.\d{1,3}){3})(?!\d|\.\d)(?::(\d{1,5})\b)?", _address, "."),
    (r"0[xX][0-9a-fA-F_]+\b", _hexadecimal, "xX"),
    (r"(?:(?<=[A-Za-z])|(?<=[A-Z]-))(\d{1,4})s\b", _plural, "s"),
    (r"(?<=[A-Za-z])\d{3,4}(?![\d:]|[.,/]\d)", _pairs, ""),
    (r"(?<=[A-Z]-)\d{3,4}" + _NO_NUMBER_AFTER, _pairs, ""),
    (r"\d{3,4}(?=[pi]\b)", _pairs, "pi"),
    (r"(\d{3,4})(?:-(\d{3}))?" + _NO_NUMBER_AFTER, _named, ""),
    (r"10[1-9]\d" + _NO_NUMBER_AFTER, _early_year, ""),
    (r"\d{1,4}\.\d{2,3}(?!\d|\.\d)", _version, "."),
    # Groups of three digits are one number: 1.000.000.
    (r"(?![1-9]\d{0,2}(?:\.\d{3}){2,6}(?!\d|\.\d))\d+(?:\.\d+){2,}", _points, "."),
)
