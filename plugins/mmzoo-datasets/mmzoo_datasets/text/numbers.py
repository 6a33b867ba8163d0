"""Numbers, dates, times and money, written in words or digits."""

from __future__ import annotations

from random import Random

from mmzoo_datasets.text.words import MONTHS, WEEKDAYS

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"} | {
    "twelve": "twelfth"
}


def in_words(number: int) -> str:
    """A whole number from 0 to 999,999 in words, without hyphens: 21 is "twenty one"; ValueError for others."""
    if not 0 <= number < 1_000_000:
        raise ValueError(f"{number} is not a number from 0 to 999,999.")
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f" {_SMALL[ones]}" if ones else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    head, rest = divmod(number, size)
    return f"{in_words(head)} {name}" + (f" {in_words(rest)}" if rest else "")


def ordinal_in_words(number: int) -> str:
    """21 is "twenty first"."""
    *head, last = in_words(number).split()
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*head, _ORDINALS.get(last, regular)])


def cardinal(rng: Random) -> int:
    """A number as texts have them: small ones most often, larger ones often round."""
    kind = rng.random()
    if kind < 0.55:
        return rng.randint(2, 20)
    if kind < 0.8:
        return rng.randint(21, 99)
    if kind < 0.9:
        return rng.randint(2, 20) * 100 if rng.random() < 0.5 else rng.randint(101, 999)
    return rng.randint(1, 90) * 1000 if rng.random() < 0.6 else rng.randint(1001, 30000)


def quantity(rng: Random, figures: bool) -> str:
    """A count of at least two."""
    number = cardinal(rng)
    if figures:
        return f"{number:,}" if number > 9999 else str(number)
    return in_words(number)


def year(rng: Random, figures: bool) -> str:
    """A year of the last five centuries."""
    number = rng.choice([rng.randint(1500, 1999), rng.randint(1900, 1999), rng.randint(2001, 2039)])
    if figures:
        return str(number)
    if 2000 <= number < 2010:
        return f"two thousand {in_words(number - 2000)}"
    century, rest = divmod(number, 100)
    tail = "hundred" if rest == 0 else f"oh {in_words(rest)}" if rest < 10 else in_words(rest)
    return f"{in_words(century)} {tail}"


def date(rng: Random, figures: bool) -> str:
    """A day of the year, sometimes with the weekday or the year."""
    day, month = rng.randint(1, 28), rng.choice(MONTHS)
    if not figures:
        text = f"{month} {ordinal_in_words(day)}"
    elif rng.random() < 0.5:
        text = f"{month} {day}"
    else:
        text = f"{month} {day}{_suffix(day)}"
    if rng.random() < 0.3:
        return f"{rng.choice(WEEKDAYS)}, {text}"
    return f"{text}, {year(rng, figures)}" if rng.random() < 0.3 else text


def time_of_day(rng: Random, figures: bool) -> str:
    """A time such as "half past three", "ten forty five" or "10:45"."""
    hour, minute = rng.randint(1, 12), rng.choice([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, rng.randint(11, 59)])
    if figures:
        return f"{hour}:{minute:02d}" + rng.choice(["", "", " a.m.", " p.m."])
    if minute == 0:
        return f"{in_words(hour)} o'clock"
    if rng.random() < 0.4:
        return f"{rng.choice(['half', 'a quarter', 'ten minutes', 'five minutes'])} past {in_words(hour)}"
    tail = f"oh {in_words(minute)}" if minute < 10 else in_words(minute)
    return f"{in_words(hour)} {tail}"


def money(rng: Random, figures: bool) -> str:
    """A sum in dollars, cents, pounds or euros."""
    amount, cents = cardinal(rng), rng.choice([25, 50, 75, 99, rng.randint(11, 98)])
    if figures:
        return f"${amount:,}" if rng.random() < 0.5 else f"${amount}.{cents}"
    if rng.random() < 0.15:
        return f"{in_words(cents)} cents"
    unit = rng.choice(["dollars", "dollars", "dollars", "pounds", "euros"])
    tail = f" and {in_words(cents)} cents" if unit == "dollars" and rng.random() < 0.3 else ""
    return f"{in_words(amount)} {unit}{tail}"


def percent(rng: Random, figures: bool) -> str:
    """A percentage."""
    number = rng.randint(2, 99)
    return f"{number}%" if figures else f"{in_words(number)} percent"


def measure(rng: Random, figures: bool) -> str:
    """A length, weight, distance or temperature."""
    unit = rng.choice(
        ["miles", "feet", "inches", "pounds", "meters", "kilometers", "gallons", "degrees", "acres", "ounces"]
    )
    return f"{quantity(rng, figures)} {unit}"


def ordinal(rng: Random, figures: bool) -> str:
    """A rank from the first to the ninety-ninth."""
    number = rng.randint(1, 30) if rng.random() < 0.8 else rng.randint(31, 99)
    return f"{number}{_suffix(number)}" if figures else ordinal_in_words(number)


def digits(rng: Random, figures: bool) -> str:
    """A row of digits read one by one, as telephone numbers are."""
    row = [rng.randint(0, 9) for _ in range(rng.choice([3, 4, 7]))]
    return " ".join(str(d) for d in row) if figures else " ".join(_SMALL[d] for d in row)


def decimal(rng: Random, figures: bool) -> str:
    """A number with a decimal point."""
    whole, part = rng.randint(0, 60), rng.randint(1, 9)
    return f"{whole}.{part}" if figures else f"{in_words(whole)} point {in_words(part)}"


def _suffix(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


NUMBERS = {
    "quantity": quantity, "year": year, "date": date, "time": time_of_day, "money": money, "percent": percent,
    "measure": measure, "ordinal": ordinal, "digits": digits, "decimal": decimal,
}  # fmt: skip
