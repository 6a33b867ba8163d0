"""Rules for dates, times of day and time zones.

Of dates in digits, those with slashes or hyphens have the month first (3/4/2026 is March 4), unless it is above 12;
those with dots have the day first (3.4.2026 is April 3); those that begin with the year follow ISO 8601.
"""

from __future__ import annotations

import re

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Item, letters, words
from mmzoo_tts.text.numbers import TO
from mmzoo_tts.text.rules import rules
from mmzoo_tts.text.tables import DAYS, MONTH_NUMBERS, MONTHS

_MONTH = "(" + "|".join(sorted(MONTH_NUMBERS, key=len, reverse=True)) + r")\b\.?"
_MERIDIEM = r"([aApP])(?:[mM]\b|\.\s?[mM]\b\.?)"
_NAMES = {
    **DAYS,
    **{day.capitalize(): day for day in DAYS.values()},
    **{name: MONTHS[number - 1].lower() for name, number in MONTH_NUMBERS.items()},
}
_NAME = "(" + "|".join(sorted(_NAMES, key=len, reverse=True)) + r")\b\.?"


def _date(written: str, year: int | None, month: int, day: int) -> list[Item] | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    said = [MONTHS[month - 1].lower(), *numbers.ordinal(day)]
    return words(written, said + (numbers.year(year) if year is not None else []))


def _iso_date(match: re.Match[str]) -> list[Item] | None:
    return _date(match[0], int(match[1]), int(match[3]), int(match[4]))


def _digits_date(match: re.Match[str]) -> list[Item] | None:
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if len(match[4]) == 2:
        if match[2] != "/":
            return None
        year += 2000 if year < 50 else 1900
    day_first = first > 12 or (match[2] == "." and second <= 12)
    return _date(match[0], year, *((second, first) if day_first else (first, second)))


def _month_year(match: re.Match[str]) -> list[Item]:
    return words(match[0], [MONTHS[int(match[1]) - 1].lower(), *numbers.year(int(match[2]))])


def _day_month(match: re.Match[str]) -> list[Item] | None:
    day = int(match[1])
    if not 1 <= day <= 31:
        return None
    start = match.start()
    article = match.string[max(0, start - 4) : start].lower() == "the "
    said = [*numbers.ordinal(day), "of", MONTHS[MONTH_NUMBERS[match[2]] - 1].lower()]
    return words(match[0], ([] if article else ["the"]) + said + (numbers.year(int(match[3])) if match[3] else []))


def month_day(match: re.Match[str]) -> list[Item] | None:
    """The rule for `March 3rd, 2024`, `May 5-7`, `Jan. 5` and `Sept. 2005`, tried at letters."""
    month, day, last, year, year_alone = match.groups()
    said = [MONTHS[MONTH_NUMBERS[month] - 1].lower()]
    if year_alone:
        return words(match[0], [*said, *numbers.year(int(year_alone))])
    for number, before in ((day, []), (last, ["to"])):
        if number and not 1 <= int(number) <= 31:
            return None
        said += [*before, *numbers.ordinal(int(number))] if number else []
    return words(match[0], said + (numbers.year(int(year)) if year else []))


MONTH_DAY = re.compile(
    _MONTH + r"\s*(?:(\d{1,2})(?:st|nd|rd|th)?\b(?![:/.,]\d|\s?[aApP]\.?[mM]\b)"
    r"(?:\s?[-–]\s?(\d{1,2})(?:st|nd|rd|th)?\b(?![:/.,-]\d))?(?:,?\s+(\d{4})\b(?![.,:]\d))?|(\d{4})\b)"
)


def named_days(match: re.Match[str]) -> list[Item]:
    """The rule for `Mon-Fri`, `Jan.-Mar.` and the day in `Sat, Nov 28`, tried at letters."""
    first, last, day = match.groups()
    return words(match[0], _NAMES[day] if day else [_NAMES[first], "to", _NAMES[last]])


NAMED_DAYS = re.compile(rf"{_NAME}{TO}{_NAME}|({'|'.join(DAYS)})(?=,? (?:\d\d? )?{_MONTH.replace('(', '(?:')})")


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
        said += ["and", *numbers.number_words(second.removeprefix("0")), "second" if second == "01" else "seconds"]
    return words(match[0], said) + (letters(match[0], match[4] + "m") if match[4] else [])


def _hour(match: re.Match[str]) -> list[Item] | None:
    if not all(1 <= int(hour) <= 24 for hour in match.groups()[:-1] if hour):
        return None
    first = [*numbers.cardinal(int(match[1])), "to"] if match[1] else []
    return words(match[0], first + numbers.cardinal(int(match[2]))) + letters(match[0], match[3] + "m")


def zone(match: re.Match[str]) -> list[Item]:
    """The rule for `UTC+2` and `GMT-5:30`, tried at letters."""
    name, sign, hours, minutes = match.groups()
    said = ["plus" if sign == "+" else "minus", *numbers.cardinal(int(hours))]
    return letters(name, name) + words(match[0], said + (numbers.cardinal(int(minutes)) if minutes else []))


ZONE = re.compile(r"(UTC|GMT)\s?([+\-−–])\s?(\d{1,2})(?::([0-5]\d))?(?![\d.])")

_MONTH_CHARACTERS = "".join({month[0] for month in MONTHS})
RULES = rules(
    (r"(\d{4})([-/])(\d{2})\2(\d{2})(?:T(?=\d\d:)|(?![\d/-]))", _iso_date, "-/"),
    (r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\d/-]|\.\d)", _digits_date, "/.-"),
    (r"(0?[1-9]|1[0-2])/((?:19|20)\d\d)(?![\d/])", _month_year, "/"),
    (
        rf"(\d{{1,2}})(?:st|nd|rd|th)?(?:-|\s+(?:of\s+)?){_MONTH}(?:(?:-|,?\s+)(\d{{4}})\b)?",
        _day_month,
        _MONTH_CHARACTERS,
    ),
    (rf"(\d{{1,2}})\.\s{_MONTH}\s(\d{{4}})\b", _day_month, _MONTH_CHARACTERS),
    (rf"(\d{{1,2}}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?(?!\d)(?:\s?{_MERIDIEM})?", _clock, ":"),
    (r"(\d{1,2})h([0-5]\d)()()\b", _clock, "h"),
    (rf"(\d{{1,2}})\.([0-5]\d)()\s?{_MERIDIEM}", _clock, "."),
    (rf"(?:(\d{{1,2}}){TO})?(\d{{1,2}})\s?{_MERIDIEM}", _hour, "mM"),
)
