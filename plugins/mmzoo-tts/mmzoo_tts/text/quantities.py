"""The rules for text with digits, in order, and those for plain numbers, fractions, powers and measures.

Rules are tried in order at a digit, a sign or a currency; the last one accepts any digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from mmzoo_tts.text import codes, dates, money, numbers
from mmzoo_tts.text.items import Item, Spoken, words
from mmzoo_tts.text.numbers import MINUS, NUMBER, TO
from mmzoo_tts.text.rules import WINDOW, Rule, describes, noun_follows, plural_follows, rules, word_before
from mmzoo_tts.text.tables import MAGNITUDES, NUMBERED, NUMBERED_IN_PAIRS
from mmzoo_tts.text.units import INVERSE, RATE, UNIT, unit_names

_HALVES = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_DETACHED = frozenset("AJKN")
"""Units that follow a number only after a space: "10 A" is a current, "10A" an apartment."""
_PARTS_OF_NAMES = NUMBERED | NUMBERED_IN_PAIRS
_PARTS_OF_NAMES |= set(
    "apartment apt building exit exercise floor gate interstate option platform question road".split()
)
_PARTS_OF_NAMES |= set("route row seat street us".split())
"""A number and a capital letter after one of these are a name (seat 12 A), not a quantity."""
_TEMPERATURES = {"C": ("degree celsius", "degrees celsius"), "F": ("degree fahrenheit", "degrees fahrenheit")}
_BEFORE_TEMPERATURE = frozenset(
    "about above around at below between from hit is near of over reached to under was".split()
)
_BEFORE_NOUNS = ("volt", "watt", "ohm", "byte")
"""A plural after one of these units is what the quantity describes: 12 V batteries."""
_MORE_STARS = re.compile(r" (?:and|or|to) \d\*")
_POWERS = {"2": "squared", "3": "cubed"}
_SIGNS = {"+": "plus", "-": "minus", "−": "minus", "–": "minus", "": ""}


def _fraction(match: re.Match[str]) -> list[Item] | None:
    minus, whole, top, bottom = match[1], match[2], int(match[3]), int(match[4])
    names = unit_names(match[5]) if match[5] else ("", "")
    if names is None:
        return None
    pressure = top > bottom > 20  # 120/80
    unit = names[1 if whole or pressure else 0].split()
    said = ["minus"] if minus else []
    said += [*numbers.cardinal(int(whole)), "and"] if whole else []
    if not whole and top == bottom and top in {5, 10, 100}:
        return words(match[0], [*said, *numbers.cardinal(top), "out", "of", *numbers.cardinal(bottom)])
    if not whole and (match[0] in {"24/7", "9/11"} or top == bottom):
        return words(match[0], said + numbers.cardinal(top) + numbers.cardinal(bottom))
    if pressure or not 2 <= bottom <= 100 or match[4].startswith("0"):
        return words(match[0], [*said, *numbers.cardinal(top), "over", *numbers.cardinal(bottom), *unit])
    one, many = _HALVES.get(bottom, (None, None))
    name = [one] if one else numbers.ordinal(bottom)
    if top != 1:
        name = [many] if many else numbers.plural(name)
    return words(match[0], said + numbers.cardinal(top) + name + unit)


def _measure(match: re.Match[str]) -> list[Item] | None:
    minus, first, second, gap, unit = match.groups()
    if len(unit) == 1 and unit.isupper() and _is_name(match):
        return None
    names = unit_names(unit) or (_TEMPERATURES.get(unit) if _is_temperature(match, gap) else None)
    if names is None or (unit.partition("/")[0] in _DETACHED and (gap != " " or _is_year(first))):
        return None
    amount = ["minus"] if minus else []
    amount += numbers.number_words(first)
    if second:
        amount += ["to", *numbers.number_words(second)]
    single = gap == "-" or (first == "1" and not second) or describes(match)  # a 10-km run
    single = single or (names[0].endswith(_BEFORE_NOUNS) and plural_follows(match.string, match.end()))
    return words(match[0], [*amount, *names[0 if single else 1].split()])


def _is_name(match: re.Match[str]) -> bool:
    """Whether a number and a capital letter name something: I-80 W, seat 12 A, 50 K users."""
    start, end = match.span()
    before = match.string[max(0, start - 2) : start]
    joined = before[:1].isalpha() and before[1:] == "-"
    return (
        joined or word_before(match) in _PARTS_OF_NAMES or (match[0][-1] == "K" and plural_follows(match.string, end))
    )


def _is_temperature(match: re.Match[str], gap: str) -> bool:
    """Whether a C or F without a degree sign is a temperature: "it is 20 C", "at 350F", but not "2 C compilers"."""
    text, end = match.string, match.end()
    if gap == "-" or text[end : end + 1] in set("+#'&-/"):
        return False
    near = word_before(match) in _BEFORE_TEMPERATURE
    return near if not gap else near or not noun_follows(text, end)


def _stars(match: re.Match[str]) -> list[Item] | None:
    """A rating: a 5* hotel, 4★. A star of another kind may mark a footnote."""
    noun = noun_follows(match.string, match.end()) or match[0][-1] == "-"
    noun = noun or bool(_MORE_STARS.match(match.string, match.end()))
    if match[2] == "*" and not noun:
        return None
    return words(match[0], [*numbers.number_words(match[1]), "star" if noun or match[1] == "1" else "stars"])


def _hundreds(match: re.Match[str]) -> list[Item] | None:
    """Numbers in equal steps (100 200 300), which are not the groups of one number."""
    parts = [int(part) for part in [*match[0].split(), match[1]]]
    steps = {after - before for before, after in pairwise(parts)}
    if len(steps) > 1 or not 1 <= abs(min(steps)) <= 111:
        return None
    return words(match[0], [word for part in parts[:-1] for word in numbers.cardinal(part)])


def _by(match: re.Match[str]) -> list[Item] | None:
    """Dimensions: 4x4, 9 x 13 in., 4x100 m."""
    *sides, unit = match.groups()
    names = unit_names(unit) if unit else ("", "")
    if names is None:
        return None
    said = [["by", *numbers.number_words(side)] for side in sides if side]
    name = names[0 if describes(match) else 1]
    return words(match[0], [*(word for side in said for word in side), *name.split()][1:])


def _range(match: re.Match[str]) -> list[Item]:
    first = (["minus"] if match[1] else []) + _whole(match[2])
    return words(match[0], [*first, "to", *_whole(match[3])])


def _ordinal(match: re.Match[str]) -> list[Item]:
    return words(match[0], numbers.ordinal(int(match[1].replace(",", ""))))


def _decade(match: re.Match[str]) -> list[Item]:
    number = int(match[1]) or 2000  # the 00s
    return words(match[0], numbers.plural(numbers.year(number) if len(match[1]) == 4 else numbers.cardinal(number)))


def _short_year(match: re.Match[str]) -> list[Item]:
    year = match[1]
    return words(match[0], ["oh", *numbers.digits(year[1])] if year[0] == "0" else numbers.cardinal(int(year)))


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099


def _whole(text: str) -> list[str]:
    """A number without a unit: four digits from 1100 to 2099 are read as a year."""
    return numbers.year(int(text)) if _is_year(text) else numbers.number_words(text)


def _plain(match: re.Match[str]) -> list[Item]:
    return words(match[0], (["minus"] if match[1] else []) + _whole(match[2]))


def _magnitude(match: re.Match[str]) -> list[Item]:
    number, magnitude = (part for part in match.groups() if part)
    return words(match[0], [*numbers.number_words(number), MAGNITUDES[magnitude.lower()]])


def _scientific(match: re.Match[str]) -> list[Item]:
    minus, number, sign, exponent = match.groups()
    said = (["minus"] if minus else []) + numbers.number_words(number) + "times ten to the power of".split()
    return words(match[0], said + (["minus"] if sign in {"-", "−"} else []) + numbers.number_words(exponent))


def _power(match: re.Match[str]) -> list[Item]:
    sign, number, letter = match.groups()
    if number:
        return words(match[0], _exponent(sign, number))
    said = words(match[0], f"to the power of {_SIGNS[sign]}")
    return [*said, Spoken(match[0], letter.lower(), letter=True)]


def _exponent(sign: str, number: str) -> list[str]:
    if not sign and number in _POWERS:
        return [_POWERS[number]]
    return f"to the power of {_SIGNS[sign]}".split() + numbers.number_words(number)


def _power_of_units(match: re.Match[str]) -> list[Item] | None:
    sign, number, unit = match.groups()
    names = unit_names(unit)
    return words(match[0], _exponent(sign, number) + names[1].split()) if names else None


def _hours_minutes(match: re.Match[str]) -> list[Item]:
    said: list[str] = []
    single = describes(match)
    for number, one in ((match[1], "hour"), (match[2], "minute")):
        said += [*numbers.number_words(number), one if single or number == "1" else one + "s"]
    return words(match[0], said)


def _ratio(match: re.Match[str]) -> list[Item]:
    said: list[str] = []
    for part in match[0].split(":"):
        said += ["to", *numbers.number_words(part)]
    return words(match[0], said[1:])


def _feet(match: re.Match[str]) -> list[Item]:
    feet, inches = match.groups()
    single = describes(match)
    said = [*numbers.number_words(feet), "foot" if single or feet == "1" else "feet"]
    if inches:
        said += [*numbers.number_words(inches), "inch" if single or inches == "1" else "inches"]
    return words(match[0], said)


def _length(match: re.Match[str]) -> list[Item] | None:
    """Feet or inches alone, unless the quotation mark may close a quotation."""
    start, mark = match.start(), match[2]
    if re.search(rf"(?<!\w){mark}", match.string[max(0, start - 200) : start]):
        return None
    one, many = {"'": ("foot", "feet"), '"': ("inch", "inches")}[mark]
    return words(match[0], [*numbers.number_words(match[1]), one if match[1] == "1" or describes(match) else many])


def _said(text: str) -> Callable[[re.Match[str]], list[Item]]:
    return lambda match: words(
        match[0], [*numbers.number_words(match[1]), *text.split(), *numbers.number_words(match[2])]
    )


_COUNTED = "people|users|followers|viewers|views|visitors|residents|voters|households|jobs|customers|passengers|homes"
_COUNTED += (
    "|subscribers|downloads|workers|children|adults|copies|barrels|tons|tonnes|dollars|euros|pounds|cars|players"
)
_X = r"\s?[x×]\s?"
_MINUS = rf"({MINUS}(?=[\d.]))?"
_FRACTION = rf"{_MINUS}(?:(\d{{1,6}})(?:\s+|-))?(\d{{1,6}})\s?/\s?(\d{{1,6}})(?![\d/])"
RULES: tuple[Rule, ...] = (
    *codes.RULES[:1],
    *money.RULES,
    *dates.RULES,
    *codes.RULES[1:],
    *rules(
        (r"([1-7](?:\.\d)?)([*★])(?:-(?=[a-z]))?(?![*★\w(])", _stars, "*★"),
        (r"[1-9]\d\d(?: [1-9]\d\d){1,6}(?= ([1-9]\d\d)(?![.,]?\d| \d))", _hundreds, " "),
        (rf"{_MINUS}({NUMBER})[eE]([-−+]?)(\d{{1,3}})\b(?!\.\d)", _scientific, "eE"),
        *(
            (rf"(?<=\d)(?:\^|\*\*)\{{?([-−+]?)(\d+)\}}?\s({unit})(?![\w^])", _power_of_units, "^*")
            for unit in (INVERSE, RATE, UNIT)
        ),
        (r"(?:\^|(?<=\d)\*\*(?=[-−+]?\d))\{?([-−+]?)(?:(\d+(?:\.\d+)?)|([A-Za-z]))\}?(?![\w^])", _power, "^*"),
        (rf"{_FRACTION}(?:\s|-)?({UNIT})(?![\w^])", _fraction, "/"),
        (rf"({NUMBER}) / ({NUMBER})", _said("divided by"), "/"),
        (rf"{_FRACTION}()(?:(?:rd|th|nd)s\b)?", _fraction, "/"),
        (r"(\d+)\s?h\s(\d{1,2})\s?m(?:in)?\b", _hours_minutes, "h"),
        (r"(\d+(?:\.\d+)?)\s?ft\.?\s?(\d+(?:\.\d+)?)\s?in\b\.?", _feet, "f"),
        (r"(\d+)'(?:\s?(\d+(?:\.\d+)?)(?:\"|''))", _feet, "'"),
        (r"(\d+(?:\.\d+)?)(['\"])(?![\w'\"])", _length, "'\""),
        (r"'?(\d{3}0|[02-9]0)'?s\b", _decade, "s"),
        (rf"(\d+\.\d+|\d{{1,3}})(m)(?= (?:{_COUNTED})\b)", _magnitude, "m"),
        (rf"{_MINUS}({NUMBER})(?:{TO}({NUMBER}))?(\s|-|)({INVERSE})(?![\w^])", _measure, "^"),
        (rf"{_MINUS}({NUMBER})(?:{TO}({NUMBER}))?(\s|-|)({RATE})(?![\w^])", _measure, "/"),
        (rf"{_MINUS}({NUMBER})(?:{TO}({NUMBER}))?(\s|-|)({UNIT})(?![\w^])", _measure, ""),
        (r"(\d{1,3}(?:,\d{3}){1,5}+|\d{1,15})(?i:st|nd|rd|th)\b", _ordinal, "tdTD"),
        (r"(?<!\w)'(\d\d)(?![\d'])", _short_year, "'"),
        (rf"(\d+){_X}(\d+)(?:{_X}(\d+))?(?:\s|-|)({UNIT})(?![\w^])", _by, "x×"),
        (rf"(\d+){_X}(\d+)(?:{_X}(\d+))?()(?![\w^])(?!\s*=)", _by, "x×"),
        (rf"({NUMBER})\s?[x×*]\s?({NUMBER})", _said("times"), "x×*"),
        (rf"{_MINUS}({NUMBER}){TO}({NUMBER})(?![-\w])(?!\s*=)", _range, "-–—"),
        (rf"({NUMBER})\s?[-–]\s?({NUMBER})(?=\s*=)", _said("minus"), "="),
        (rf"({NUMBER}) - [-−]({NUMBER})", _said("minus minus"), "-"),
        (r"\d+(?::\d+){1,5}(?![\d:])", _ratio, ":"),
        (r"(\d+\.\d+)([MBTkK]|bn)\b|(\d+)([MB]|bn)(?= (?:people|[a-z]+s)\b)", _magnitude, "MBTkKb"),
        (rf"{_MINUS}({NUMBER})", _plain, ""),
    ),
)

_START = re.compile(rf"[-−–—+'(]?(?:(?:{money.STARTS})\s?)?[-−]?\.?\d|\^[-−+{{]*\w|\*\*[-−+]?\d")


def quantity(text: str, position: int) -> tuple[int, list[Item]] | None:
    """The end and the items of the quantity that starts at `position`, or None if none does."""
    if not _START.match(text, position):
        return None
    near = set(text[position : position + WINDOW])
    for pattern, function, needs in RULES:
        if needs and near.isdisjoint(needs):
            continue
        match = pattern.match(text, position)
        if match and (items := function(match)):
            return match.end(), items
    return None
