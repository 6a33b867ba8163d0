"""Numbers as written, and their English words."""

from __future__ import annotations

import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
LARGEST = 10**18 - 1

# Repetitions are bounded or possessive, so that no text causes slow backtracking.
NUMBER = "|".join(
    (
        r"\d++(?![,.'_ ]\d)",  # most numbers
        r"[1-9]\d{0,2}(?:,\d{3}){1,6}+(?!\d|,\d)(?:\.\d+)?",  # 1,234,567.8
        r"[1-9]\d?(?:,\d\d(?=,)){1,5}+,\d{3}(?!\d|,\d)(?:\.\d+)?",  # 12,34,567
        r"[1-9]\d{0,2}(?: \d{3}){1,6}+(?! ?\d)(?:[.,]\d+)?",  # 1 234 567,8
        r"[1-9]\d{0,2}(?:['_]\d{3}){1,6}+(?!\d)(?:[.,]\d+)?",  # 1'234'567 and 1_234_567
        r"[1-9]\d{0,2}(?:\.\d{3}){1,6}+,\d+",  # 1.234,5
        r"[1-9]\d{0,2}(?:\.\d{3}){2,6}+(?!\d|\.\d)",  # 1.234.567
        r"(?<!\d,)(?:0,\d+|\d+,(?:\d\d?|\d{4,18}+))(?!\d|[.,]\d)",  # 0,125 and 3,14
        r"\d+(?:\.\d+)?|(?<!\w)\.\d+",
    )
)
"""Pattern of an unsigned number; `number_words` reads what it matches."""
MINUS = r"(?:(?<![\w)])[-−]|(?<![^\s(\[{=<>≤≥≈±~*/:,])[–—])"
"""A minus sign: a hyphen that no word or closing parenthesis precedes, or a dash after a space or a sign."""
TO = r"(?:\s?[-–]\s?|—)"
"""A dash between the ends of a range."""
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d\d(?=,)|,\d{3})*,\d{3}")


def cardinal(number: int) -> list[str]:
    """Words of an integer: 1234 is "one thousand two hundred thirty four"; from 10^18 on digit by digit."""
    if number < 0:
        return ["minus", *cardinal(-number)]
    if number > LARGEST:
        return digits(str(number))
    if number == 0:
        return ["zero"]
    words: list[str] = []
    for size, name in _SCALES:
        if number >= size:
            words += [*_below_thousand(number // size), name]
            number %= size
    return words + _below_thousand(number)


def _below_thousand(number: int) -> list[str]:
    words = [_ONES[number // 100], "hundred"] if number >= 100 else []
    number %= 100
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    return [*words, _ONES[number]] if number else words


def digits(text: str) -> list[str]:
    """Each digit by its name."""
    return [_ONES[int(digit)] for digit in text]


def number_words(text: str) -> list[str]:
    """Words of a number as `NUMBER` matches it, perhaps with a sign.

    An integer part of more than 18 digits, or with a leading zero (007), is read digit by digit.
    """
    sign = ["minus"] if text.startswith("-") else []
    whole, point, fraction = canonical(text.lstrip("+-")).partition(".")
    if len(whole) > 18 or (len(whole) > 1 and whole.startswith("0")):
        words = digits(whole)
    else:
        words = cardinal(int(whole or "0"))
    return sign + words + (["point", *digits(fraction)] if point and fraction else [])


def canonical(text: str) -> str:
    """A number without grouping and with a decimal point: "1.234,5" and "1 234.5" give "1234.5".

    A comma before exactly three digits groups (3,140), unless the number starts with zero (0,125).
    """
    if text.isdigit():
        return text
    text = re.sub("[ '_]", "", text)
    comma, point = text.rfind(","), text.rfind(".")
    if comma > 0 and point > 0:
        group, decimal = (",", ".") if point > comma else (".", ",")
        return text.replace(group, "").replace(decimal, ".")
    if comma > 0:
        return text.replace(",", "") if _GROUPED.fullmatch(text) else text.replace(",", ".")
    return text.replace(".", "") if text.count(".") > 1 else text


def pairs(text: str) -> list[str]:
    """Three or four digits as models, rooms and flights are named: 380 is "three eighty", 4090 "forty ninety"."""
    number = int(text)
    hundreds, rest = divmod(number, 100)
    if not 100 <= number <= 9999 or number % 1000 == 0:
        return number_words(text)
    if rest == 0:
        return [*cardinal(hundreds), "hundred"]
    return [*cardinal(hundreds), *(["oh", _ONES[rest]] if rest < 10 else cardinal(rest))]


def ordinal(number: int) -> list[str]:
    """Words of an ordinal: 22 is "twenty second"."""
    words = cardinal(number)
    return [*words[:-1], ordinal_word(words[-1])]


def ordinal_word(word: str) -> str:
    """The ordinal of one number word: "twenty" gives "twentieth"."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"


def plural(words: list[str]) -> list[str]:
    """The plural of a number's last word: "sixty" gives "sixties"."""
    last = words[-1]
    if last.endswith("y"):
        last = last[:-1] + "ies"
    else:
        last += "es" if last.endswith("x") else "s"
    return [*words[:-1], last]


def year(number: int) -> list[str]:
    """Words of a year: 1999 is "nineteen ninety nine", 1905 "nineteen oh five", 2005 "two thousand five"."""
    return cardinal(number) if not 1000 <= number <= 9999 or number % 1000 < 10 else pairs(str(number))


def roman(text: str) -> int | None:
    """The value of a Roman numeral in canonical form (capitals, 1 to 3999), or None."""
    if not text or any(letter not in _ROMAN for letter in text) or len(text) > 15:
        return None
    values = [_ROMAN[letter] for letter in text]
    total = sum(-v if after > v else v for v, after in zip(values, [*values[1:], 0], strict=True))
    return total if total < 4000 and to_roman(total) == text else None


def to_roman(number: int) -> str:
    """The Roman numeral of 1 to 3999."""
    parts = (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
        (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    )  # fmt: skip
    text = ""
    for value, letters in parts:
        count, number = divmod(number, value)
        text += letters * count
    return text
