"""Rules for amounts of money."""

from __future__ import annotations

import re

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Item, words
from mmzoo_tts.text.numbers import MINUS, NUMBER, TO
from mmzoo_tts.text.rules import describes, rules
from mmzoo_tts.text.tables import CODES, CURRENCIES, DOLLARS, MAGNITUDES
from mmzoo_tts.text.units import PER, per

SIGNS = "".join(map(re.escape, CURRENCIES))
_CODES = "|".join(map(re.escape, CODES))
_COUNTRY = "|".join(sorted(DOLLARS, key=len, reverse=True))
_MAGNITUDE = r"(?:\s?(thousand|million|billion|trillion|mil|mio|mln|mn|bn|tn|trn|[kKmMbBtT])\b)?"
_PER = rf"(?:\s?/\s?({'|'.join(sorted(PER, key=len, reverse=True))})\b)?"
_MINUS = rf"({MINUS})?"
_IS_WORTH = re.compile(r" (?:bank)?(?:bill|note|coin|ticket)s?\b")


def _amount(match: re.Match[str]) -> list[Item]:
    minus, country, sign, negative, first, second, magnitude, each = match.groups()
    currency = CURRENCIES[sign]
    if country:
        place = DOLLARS[country]
        currency = (f"{place} {currency[0]}".strip(), f"{place} {currency[1]}".strip(), *currency[2:])
    return _said(match, minus or negative, currency, first, second, magnitude, each)


def _code_first(match: re.Match[str]) -> list[Item]:
    minus, code, first, second, magnitude, each = match.groups()
    return _said(match, minus, CODES[code], first, second, magnitude, each)


def _sign_last(match: re.Match[str]) -> list[Item]:
    minus, first, second, magnitude, sign, each = match.groups()
    return _said(match, minus, CURRENCIES.get(sign) or CODES[sign], first, second, magnitude, each)


def _said(
    match: re.Match[str],
    minus: str | None,
    currency: tuple[str, str, str, str],
    first: str,
    second: str | None,
    magnitude: str | None,
    each: str | None,
) -> list[Item]:
    one, many, cent, cents = currency
    if describes(match) or _IS_WORTH.match(match.string, match.end()):
        many, cents = one, cent
    said = ["minus"] if minus else []
    whole, _, fraction = numbers.canonical(first).partition(".")
    if second or magnitude:
        said += numbers.number_words(first)
        said += ["to", *numbers.number_words(second)] if second else []
        said += [MAGNITUDES[magnitude.lower()]] if magnitude else []
        said += many.split()
    elif fraction and (len(fraction) != 2 or not cent):
        said += [*numbers.number_words(first), *many.split()]
    else:
        units, parts = int(whole or 0), int(fraction or 0)
        if units or not parts:
            said += [*numbers.cardinal(units), *(one if units == 1 else many).split()]
        if parts:
            said += [*(["and"] if units else []), *numbers.cardinal(parts), cent if parts == 1 else cents]
    if each:
        said += ["per", *per(each)]
    return words(match[0], said)


_RANGE = rf"({NUMBER})(?:{TO}({NUMBER}))?"
SIGN_CHARACTERS = "".join(CURRENCIES)
CODE_CHARACTERS = "".join({code[0] for code in CODES})
RULES = rules(
    (rf"{_MINUS}({_COUNTRY})?([{SIGNS}])\s?([-−])?{_RANGE}{_MAGNITUDE}(?: USD?\b)?" + _PER, _amount, SIGN_CHARACTERS),
    (rf"{_MINUS}\b({_CODES})\s?{_RANGE}{_MAGNITUDE}" + _PER, _code_first, CODE_CHARACTERS),
    (
        rf"{_MINUS}{_RANGE}{_MAGNITUDE}\s?([{SIGNS}](?!\d)|(?:{_CODES})\b)" + _PER,
        _sign_last,
        SIGN_CHARACTERS + CODE_CHARACTERS,
    ),
)
STARTS = rf"(?:{_COUNTRY})?[{SIGNS}]|(?:{_CODES})"
"""Pattern of what an amount may start with, other than a number or a minus sign."""
