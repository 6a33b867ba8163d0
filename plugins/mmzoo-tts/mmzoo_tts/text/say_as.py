"""SSML's `say-as`: a piece of text read in the way that its author names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mmzoo.errors import InputError
from mmzoo_tts.text import numbers
from mmzoo_tts.text.clean import fold
from mmzoo_tts.text.items import Break, Item, letters, words
from mmzoo_tts.text.quantities import quantity
from mmzoo_tts.text.tables import CURRENCIES, MONTH_NUMBERS, MONTHS, SYMBOLS

DATES = ("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y")
TIMES = ("hms12", "hms24")
CODES = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "RUB": "₽", "KRW": "₩"}

_SIGNS = {
    **SYMBOLS, ".": "dot", ",": "comma", "-": "dash", "—": "dash", "–": "dash", "_": "underscore", ":": "colon",
    ";": "semicolon", "!": "exclamation mark", "?": "question mark", "'": "apostrophe", '"': "quote", "#": "hash",
    "*": "star", "(": "open parenthesis", ")": "close parenthesis", "[": "open bracket", "]": "close bracket",
    "{": "open brace", "}": "close brace", "~": "tilde", "^": "caret", "|": "bar",
}  # fmt: skip
# Fields by their looks (a month's name, a year of four digits, other digits) to their order; if in doubt, American.
_LAYOUTS = {
    "M": "m", "Y": "y", "M#": "md", "#M": "dm", "##": "md", "MY": "my", "#Y": "my", "YM": "ym", "Y#": "ym",
    "M#Y": "mdy", "M##": "mdy", "##Y": "mdy", "###": "mdy", "#MY": "dmy", "#M#": "dmy", "Y##": "ymd", "YM#": "ymd",
}  # fmt: skip
_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3}){1,10}|\d{1,100})(?:\.\d{1,100})?|[-+−]?\.\d{1,100}")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3}){1,5}|\d{1,15})(?:st|nd|rd|th)?", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d\d)(?:[:.](\d\d))?)?\s*(?:([ap])\.?\s?m\.?)?", re.IGNORECASE)
_TELEPHONE = re.compile(r"\+?[\d().\s/-]{1,40}(?:\s*(?:x|ext\.?)\s*(\d{1,10}))?", re.IGNORECASE)
_MONEY = re.compile(r"(-?)([A-Z]{3}|[^\s\w.,-])?\s*([\d,]{1,30}(?:\.\d{1,10})?)\s*([A-Z]{3}|[^\s\w.,-])?")


def _characters(text: str, _: str | None) -> list[Item] | None:
    items: list[Item] = []
    for character in text:
        items += letters(text, character) or words(text, _SIGNS.get(character, ""))
    return items


def _digits(text: str, _: str | None) -> list[Item] | None:
    return words(text, numbers.digits(re.sub(r"\D", "", text))) if re.fullmatch(r"[\d\s.,/()-]+", text) else None


def _cardinal(text: str, _: str | None) -> list[Item] | None:
    if (value := numbers.roman(text)) is not None:
        return words(text, numbers.cardinal(value))
    return words(text, numbers.number_words(text.replace("−", "-"))) if _NUMBER.fullmatch(text) else None


def _ordinal(text: str, _: str | None) -> list[Item] | None:
    match = _ORDINAL.fullmatch(text)
    value = int(match[1].replace(",", "")) if match else numbers.roman(text)
    return words(text, numbers.ordinal(value)) if value is not None else None


def _date(text: str, layout: str | None) -> list[Item] | None:
    fields = re.findall(r"\d+|[A-Za-z]+", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text))
    if re.fullmatch(r"\d{8}", text):
        layout = layout or "ymd"
        fields = [text[:4], text[4:6], text[6:]] if layout[0] == "y" else [text[:2], text[2:4], text[4:]]
    if layout is None:
        layout = _layout(fields)
    if layout is None or len(fields) != len(layout) or not re.fullmatch(r"[\w\s./,-]+", text):
        return None
    parts = dict(zip(layout, fields, strict=True))
    month = parts.get("m")
    number = (int(month) if month.isdigit() else MONTH_NUMBERS.get(month.capitalize(), 0)) if month else None
    day, year = parts.get("d"), parts.get("y")
    if any(part is not None and not part.isdigit() for part in (day, year)) or (year and len(year) not in (2, 4)):
        return None
    if (number is not None and not 1 <= number <= 12) or (day is not None and not 1 <= int(day) <= 31):
        return None
    said = [MONTHS[number - 1].lower()] if number is not None else []
    said += numbers.ordinal(int(day)) if day is not None else []
    if year is not None:
        said += numbers.year(int(year) + ((2000 if int(year) < 50 else 1900) if len(year) == 2 else 0))
    return words(text, said)


def _layout(fields: list[str]) -> str | None:
    """The order of the fields of a date without format; None if it cannot be told."""
    return _LAYOUTS.get("".join("M" if part.isalpha() else "Y" if len(part) == 4 else "#" for part in fields))


def _time(text: str, layout: str | None) -> list[Item] | None:
    match = _TIME.fullmatch(text)
    if not match or not (match[2] or match[4]):
        return None
    hour = int(match[1])
    if hour > 24 or int(match[2] or 0) > 59 or int(match[3] or 0) > 59 or (match[4] and not 1 <= hour <= 12):
        return None
    clock = ":".join(part for part in (match[1], match[2], match[3]) if part)
    found = quantity(clock := f"{clock} {match[4]}m" if match[4] else clock, 0)
    return found[1] if found and found[0] == len(clock) else None


def _telephone(text: str, _: str | None) -> list[Item] | None:
    match = _TELEPHONE.fullmatch(text)
    number = text[: match.start(1)] if match and match[1] else text
    groups = re.findall(r"\d+", number)
    if not match or not groups:
        return None
    items: list[Item] = words(text, "plus") if text.startswith("+") else []
    for group in groups:
        items += [*words(text, numbers.digits(group)), Break(",")]
    return [*items, *words(text, ["extension", *numbers.digits(match[1])])] if match[1] else items[:-1]


def _currency(text: str, _: str | None) -> list[Item] | None:
    match = _MONEY.fullmatch(text)
    if not match or bool(match[2]) == bool(match[4]):
        return None
    unit = match[2] or match[4]
    sign = CODES.get(unit, unit)
    found = quantity(money := f"{match[1]}{sign}{match[3]}", 0) if sign in CURRENCIES else None
    return found[1] if found and found[0] == len(money) else None


_KINDS: Mapping[str, tuple[Callable[[str, str | None], list[Item] | None], str]] = {
    "characters": (_characters, "letters, digits and signs"),
    "spell-out": (_characters, "letters, digits and signs"),
    "cardinal": (_cardinal, "a number such as 1,234.5"),
    "number": (_cardinal, "a number such as 1,234.5"),
    "ordinal": (_ordinal, "a whole number such as 3 or 3rd"),
    "digits": (_digits, "digits"),
    "date": (_date, f"a date such as 3/14/2024, with a format of {', '.join(DATES)}"),
    "time": (_time, "a time such as 10:45 or 2:30pm"),
    "telephone": (_telephone, "a telephone number such as (555) 123-4567"),
    "currency": (_currency, f"an amount such as $3.50 or 45 EUR, in {', '.join((*CURRENCIES, *CODES))}"),
}
KINDS = tuple(_KINDS)
_FORMATS = {"date": DATES, "time": TIMES}


def say_as(text: str, kind: str, layout: str | None, where: Callable[[str], str]) -> tuple[Item, ...]:
    """The items of a text that is read as `kind`, one of KINDS.

    Args:
        text: The text.
        kind: The attribute `interpret-as`.
        layout: The attribute `format`: the order of a date's fields; None to guess.
        where: Adds the position to what an error is about.

    Raises:
        InputError: The kind or the format is unknown, or the text is not of this kind.
    """
    if kind not in _KINDS:
        raise InputError(
            f"{where('<say-as>')} has the unknown interpret-as {kind[:40]!r}; known are {', '.join(KINDS)}."
        )
    formats = _FORMATS.get(kind, ())
    if layout is not None and layout not in formats:
        known = f"those of {kind} are {', '.join(formats)}" if formats else f"{kind} has none"
        raise InputError(f"{where('<say-as>')} has the unknown format {layout[:40]!r}; {known}.")
    read, expected = _KINDS[kind]
    folded = fold(text)
    items = None if folded.unspoken else read(" ".join(folded.text.split()), layout)
    if not items:
        raise InputError(f"{where(f'{text[:40]!r}')} cannot be read as {kind}; expected {expected}.")
    return tuple(items)
