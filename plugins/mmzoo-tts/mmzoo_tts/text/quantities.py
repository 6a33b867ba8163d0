"""Rules for text with digits: money, dates, times, telephone numbers, fractions, units, plain numbers.

A rule is a pattern and a function from a match to items, or to None if the match is invalid (a date with month 13).
Rules are tried in order at a digit, a sign or a currency symbol; the last one accepts any digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Break, Item, letters, words
from mmzoo_tts.text.tables import CURRENCIES, MAGNITUDES, MONTH_NUMBERS, MONTHS, UNITS

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], list[Item] | None]]

# Repetitions are bounded or possessive, so that no text causes slow backtracking.
_NUMBER = r"\d{1,3}(?:,\d{3}){1,6}+(?!\d|,\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_SIGN = "".join(map(re.escape, CURRENCIES))
_MONTH = "(" + "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True)) + r")\b\.?"
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_UNITS_LOWER = {unit.lower(): names for unit, names in UNITS.items()}
_CASED = frozenset({"m", "g", "s", "h", "l", "L", "V", "W"})
_HALVES = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_MERIDIEM = r"([aApP])(?:[mM]\b|\.\s?[mM]\b\.?)"


def _money(match: re.Match[str]) -> list[Item]:
    minus, sign, amount, magnitude = match.groups()
    one, many, cent, cents = CURRENCIES[sign]
    said = ["minus"] if minus else []
    if magnitude:
        return words(match[0], [*said, *numbers.number_words(amount), MAGNITUDES[magnitude.lower()], many])
    whole, _, fraction = amount.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return words(match[0], [*said, *numbers.number_words(amount), many])
    units, parts = int(whole or 0), int(fraction or 0)
    if units or not parts:
        said += [*numbers.cardinal(units), one if units == 1 else many]
    if parts:
        said += [*(["and"] if units else []), *numbers.cardinal(parts), cent if parts == 1 else cents]
    return words(match[0], said)


def _date_words(written: str, year: int | None, month: int, day: int) -> list[Item] | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    said = [MONTHS[month - 1].lower(), *numbers.ordinal(day)]
    return words(written, said + (numbers.year(year) if year is not None else []))


def _iso_date(match: re.Match[str]) -> list[Item] | None:
    return _date_words(match[0], int(match[1]), int(match[2]), int(match[3]))


def _slash_date(match: re.Match[str]) -> list[Item] | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if len(match[4]) == 2:
        year += 2000 if year < 50 else 1900
    if match[2] == "." and len(match[4]) == 2:
        return None
    month, day = (second, first) if first > 12 else (first, second)
    return _date_words(match[0], year, month, day)


def _day_month(match: re.Match[str]) -> list[Item] | None:
    day = int(match[1])
    if not 1 <= day <= 31:
        return None
    said = ["the", *numbers.ordinal(day), "of", MONTHS[MONTH_NUMBERS[match[2]] - 1].lower()]
    return words(match[0], said + (numbers.year(int(match[3])) if match[3] else []))


def month_day(match: re.Match[str]) -> list[Item] | None:
    """The rule for `March 3rd, 2024`, `Jan. 5` and `Sept. 2005`, tried at letters."""
    month = MONTHS[MONTH_NUMBERS[match[1]] - 1].lower()
    if match[4]:
        return words(match[0], [month, *numbers.year(int(match[4]))])
    day = int(match[2])
    if not 1 <= day <= 31:
        return None
    return words(match[0], [month, *numbers.ordinal(day), *(numbers.year(int(match[3])) if match[3] else [])])


MONTH_DAY = re.compile(
    _MONTH
    + r"\s*(?:(\d{1,2})(?:st|nd|rd|th)?\b(?![:/.,]\d|\s?[aApP]\.?[mM]\b)(?:,?\s+(\d{4})\b(?![.,:]\d))?|(\d{4})\b)"
)


def _clock(match: re.Match[str]) -> list[Item] | None:
    hour, minute, second = int(match[1]), match[2], match[3]
    if hour > 24:
        return None
    said = numbers.cardinal(hour)
    if minute != "00" or second:
        said += ["oh", *numbers.cardinal(int(minute))] if minute.startswith("0") else numbers.cardinal(int(minute))
    elif not match[4]:
        said += ["o'clock"] if 1 <= hour <= 12 else ["hundred"]
    if second:
        said += ["and", *numbers.cardinal(int(second)), "second" if int(second) == 1 else "seconds"]
    return words(match[0], said) + (letters(match[0], match[4] + "m") if match[4] else [])


def _hour(match: re.Match[str]) -> list[Item] | None:
    if not 1 <= int(match[1]) <= 24:
        return None
    return words(match[0], numbers.cardinal(int(match[1]))) + letters(match[0], match[2] + "m")


def _groups(match: re.Match[str]) -> list[Item]:
    """Telephone numbers and the like: groups read digit by digit, with a short break between them."""
    items: list[Item] = words("+", "plus") if match[0].startswith("+") else []
    for group in re.findall(r"\d+", match[0]):
        items += [*words(group, numbers.digits(group)), Break(",")]
    return items[:-1]


def _version(match: re.Match[str]) -> list[Item]:
    said: list[str] = []
    for part in match[0].split("."):
        said += [*numbers.number_words(part), "point"]
    return words(match[0], said[:-1])


def _fraction(match: re.Match[str]) -> list[Item] | None:
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    names = _unit_names(match[4]) if match[4] else ("", "")
    if names is None:
        return None
    unit = names[1 if whole else 0].split()
    said = [*numbers.cardinal(int(whole)), "and"] if whole else []
    if not whole and (match[0] in {"24/7", "9/11"} or top == bottom):
        return words(match[0], numbers.cardinal(top) + numbers.cardinal(bottom))
    if not 2 <= bottom <= 100 or match[3].startswith("0"):
        return words(match[0], [*said, *numbers.cardinal(top), "over", *numbers.cardinal(bottom), *unit])
    one, many = _HALVES.get(bottom, (None, None))
    name = [one] if one else numbers.ordinal(bottom)
    if top != 1:
        name = [many] if many else numbers.plural(name)
    return words(match[0], said + numbers.cardinal(top) + name + unit)


def _unit_names(unit: str) -> tuple[str, str] | None:
    if unit in UNITS:
        return UNITS[unit]
    return None if unit.lower() in _CASED or unit.upper() in _CASED else _UNITS_LOWER.get(unit.lower())


def _measure(match: re.Match[str]) -> list[Item] | None:
    sign, first, second, unit = match.groups()
    names = _unit_names(unit)
    if names is None:
        return None
    amount = ["minus"] if sign else []
    amount += numbers.number_words(first)
    if second:
        amount += ["to", *numbers.number_words(second)]
    return words(match[0], [*amount, *names[0 if first == "1" and not second else 1].split()])


def _range(match: re.Match[str]) -> list[Item]:
    return words(match[0], [*_whole(match[1]), "to", *_whole(match[2])])


def _ordinal(match: re.Match[str]) -> list[Item]:
    return words(match[0], numbers.ordinal(int(match[1].replace(",", ""))))


def _decade(match: re.Match[str]) -> list[Item]:
    number = int(match[1])
    return words(match[0], numbers.plural(numbers.year(number) if len(match[1]) == 4 else numbers.cardinal(number)))


def _short_year(match: re.Match[str]) -> list[Item]:
    year = match[1]
    return words(match[0], ["oh", *numbers.digits(year[1])] if year[0] == "0" else numbers.cardinal(int(year)))


def _whole(text: str) -> list[str]:
    """A number without a unit: four digits from 1100 to 2099 are read as a year."""
    if len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099:
        return numbers.year(int(text))
    return numbers.number_words(text)


def _plain(match: re.Match[str]) -> list[Item]:
    return words(match[0], (["minus"] if match[1] else []) + _whole(match[2]))


def _feet(match: re.Match[str]) -> list[Item]:
    feet, inches = match.groups()
    said = [*numbers.number_words(feet), "foot" if feet == "1" else "feet"]
    if inches:
        said += [*numbers.number_words(inches), "inch" if inches == "1" else "inches"]
    return words(match[0], said)


def _said(text: str) -> Callable[[re.Match[str]], list[Item]]:
    return lambda match: words(
        match[0], [*numbers.number_words(match[1]), *text.split(), *numbers.number_words(match[2])]
    )


# A hyphen is a minus sign only if no word or closing parenthesis directly precedes it.
_MINUS = r"((?<![\w)])[-−](?=[\d.]))?"
RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), function)
    for pattern, function in (
        (
            rf"((?<![\w)])[-−])?(?:US)?([{_SIGN}])\s?({_NUMBER})(?:\s?(thousand|million|billion|trillion|mio|mn|bn|tn|[kKmMbB])\b)?",
            _money,
        ),
        (r"(\d{4})-(\d{2})-(\d{2})(?![\d-])", _iso_date),
        (r"(\d{1,2})([/.])(\d{1,2})\2(\d{4}|\d{2})(?![\d/]|\.\d)", _slash_date),
        (rf"(\d{{1,2}})\s+{_MONTH}(?:,?\s+(\d{{4}})\b)?", _day_month),
        (rf"(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?(?!\d)(?:\s?{_MERIDIEM})?", _clock),
        (rf"(\d{{1,2}})\s?{_MERIDIEM}", _hour),
        (r"\+?(?:\d{1,3}[-. ])?\(\d{3}\)\s?\d{3}[-. ]\d{4}(?!\d)", _groups),
        (r"\+\d{1,3}(?:[-. ]\d{2,5}){2,5}(?!\d)|\d+(?:-\d+){2,}|\d{3}-\d{4}(?!\d)|\d{3}\.\d{3}\.\d{4}(?!\d)", _groups),
        (r"\d+(?:\.\d+){2,}", _version),
        (
            rf"(?:(\d{{1,6}})(?:\s+|-))?(\d{{1,6}})\s?/\s?(\d{{1,6}})(?![\d/])(?:(?:\s|-)?((?i:{_UNIT}))(?![\w^]))?",
            _fraction,
        ),
        (r"(\d+)'(?:\s?(\d+(?:\.\d+)?)(?:\"|''))", _feet),
        (r"'?(\d{3}0|[2-9]0)'?s\b", _decade),
        (rf"{_MINUS}({_NUMBER})(?:\s?[-–—]\s?({_NUMBER}))?(?:\s|-)?((?i:{_UNIT}))(?![\w^])", _measure),
        (r"(\d{1,3}(?:,\d{3}){1,5}+|\d{1,15})(?i:st|nd|rd|th)\b", _ordinal),
        (r"(?<!\w)'(\d\d)(?![\d'])", _short_year),
        (r"(\d+)\s?[x×]\s?(\d+)(?![\w])", _said("by")),
        (rf"({_NUMBER})\s?\*\s?({_NUMBER})", _said("times")),
        (rf"({_NUMBER})\s?[-–]\s?({_NUMBER})(?![-\w])(?!\s*=)", _range),
        (rf"({_NUMBER})\s?-\s?({_NUMBER})(?=\s*=)", _said("minus")),
        (r"(\d+):(\d+)(?![\d:])", _said("to")),
        (rf"{_MINUS}({_NUMBER})", _plain),
    )
)

_START = re.compile(rf"[-−+'(]?(?:US)?[{_SIGN}]?\s?\.?\d")


def quantity(text: str, position: int) -> tuple[int, list[Item]] | None:
    """The end and the items of the quantity that starts at `position`, or None if none does."""
    if not _START.match(text, position):
        return None
    for pattern, function in RULES:
        match = pattern.match(text, position)
        if match and (items := function(match)):
            return match.end(), items
    return None
