"""Rules for dates, times of day and time zones.

Of dates in digits, those with slashes or hyphens have the month first (3/4/2026 is March 4), unless it is above 12;
those with dots have the day first (3.4.2026 is April 3); those that begin with the year follow ISO 8601.
"""

from __future__ import annotations

import re

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Item, letters, words
from mmzoo_tts.text.numbers import TO
from mmzoo_tts.text.rules import rules, word_before
from mmzoo_tts.text.tables import DAYS, MAGNITUDES, MONTH_NUMBERS, MONTHS, VERSIONED
from mmzoo_tts.text.units import UNIT, unit_names

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
        short = match[2] == "." and len(match[1]) == len(match[3]) == 2 and word_before(match) not in VERSIONED
        if match[2] != "/" and not short:
            return None
        year += 2000 if year < 50 else 1900
    day_first = first > 12 or (match[2] == "." and second <= 12)
    return _date(match[0], year, *((second, first) if day_first else (first, second)))


def _month_and_day(match: re.Match[str]) -> list[Item] | None:
    """A date without a year: due 11/30."""
    month, day, before = int(match[1]), int(match[2]), word_before(match)
    fraction = month < day and day in {2, 3, 4, 5, 6, 8, 10, 16}
    certain = before in {"due", "dated"} or bool(
        _WEEK_OF.search(match.string[max(0, match.start() - 12) : match.start()])
    )
    likely = before in {"on", "by", "until", "till", "since"} and not fraction and match[0] != "9/11"
    if not certain and not likely:
        return None
    return _date(match[0], None, month, day)


def _always(match: re.Match[str]) -> list[Item]:
    return words(match[0], "twenty four seven three sixty five")


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


def _measures(match: re.Match[str], of_other: re.Pattern[str]) -> bool:
    """Whether what looks like times with dots are numbers: a unit follows, or the words before are of other things."""
    text, (start, end) = match.string, match.span()
    after = _AFTER.match(text, end)
    unit = after and (
        unit_names(after[1]) or after[1].lower() in MAGNITUDES or after[1] in {"percent", "per", "points"}
    )
    return bool(unit or of_other.search(text[max(0, start - 30) : start]))


def _dotted_time(match: re.Match[str]) -> list[Item] | None:
    """A time with a dot after "at" and the like: at 19.30."""
    if word_before(match) not in {"at", "until", "till"} or int(match[1]) > 23 or _measures(match, _NOT_AT):
        return None
    return _clock(match)


def _dotted_times(match: re.Match[str]) -> list[Item] | None:
    """Two times with dots: from 9.30 to 10.45."""
    hour, minute, last, last_minute = match.groups()
    if max(int(hour), int(last)) > 23 or word_before(match) not in {"from", "between", "open"}:
        return None
    if int(last) < 13 and _measures(match, _NOT_FROM):
        return None
    join = "and" if " and " in match[0] else "to"
    return words(match[0], [*_minutes(hour, minute), join, *_minutes(last, last_minute)])


def _minutes(hour: str, minute: str) -> list[str]:
    if minute == "00":
        return [*numbers.cardinal(int(hour)), *([] if int(hour) < 13 else ["hundred"])]
    return [*numbers.cardinal(int(hour)), *(["oh"] if minute[0] == "0" else []), *numbers.cardinal(int(minute))]


def _military(match: re.Match[str]) -> list[Item] | None:
    """A time of four digits: 0800 hours."""
    hour, minute = match.groups()
    if hour[0] != "0" and word_before(match) not in {"at", "by", "until", "from", "since", "before", "after"}:
        return None
    said = (["oh"] if hour[0] == "0" else []) + numbers.cardinal(int(hour))
    return words(match[0], said + (["hundred"] if minute == "00" else numbers.cardinal(int(minute))) + ["hours"])


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

_AFTER = re.compile(rf"\s?({UNIT}|[$€£]|[a-z]+)")
_WEEK_OF = re.compile(r"(?:week|night|weekend|morning) of\s\Z")
_NOT_AT = re.compile(
    r"(?:trad|pric|sell|sold|quot|valu|st[ao]nd|stood|rat|gr[oe]w|bought|fixed|held|measur|averag|clos|open|peak)"
    r"\w* at\s\Z|\b(?:ratio|rate|index|price|yield|euro|dollar|pound|share|stock|score)s?\b.{0,15} at\s\Z"
)
_NOT_FROM = re.compile(
    r"(?:ros|ris|rais|f[ae]ll|drop|[ie]ncreas|gr[oe]w|up|down|rang|chang|went|jump|climb|reduc|mov|improv|vari|score)\w*"
    r" (?:from|between)\s\Z"
)
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
    (r"(\d{1,2})\.([0-5]\d)()()(?![\d%€$£/*+-]|[.,]\d|\s?[ap]\.?m)", _dotted_time, "."),
    (r"(\d{1,2})\.([0-5]\d)(?:\s?[-–]\s?|\s(?:to|until|and)\s)(\d{1,2})\.([0-5]\d)(?![\d%])", _dotted_times, "."),
    (r"([01]\d|2[0-3])([0-5]\d)\s(?:hours|hrs)\b", _military, "h"),
    (r"24/7/365\b", _always, "/"),
    (r"(1[0-2]|0?[1-9])/([12]\d|3[01]|0?[1-9])(?![\d/]|\s?[a-z\"']*(?:inch|cup|mile|of\b))", _month_and_day, "/"),
    (r"(\d{1,2})h([0-5]\d)()()\b", _clock, "h"),
    (rf"(\d{{1,2}})\.([0-5]\d)()\s?{_MERIDIEM}", _clock, "."),
    (rf"(?:(\d{{1,2}}){TO})?(\d{{1,2}})\s?{_MERIDIEM}", _hour, "mM"),
)
