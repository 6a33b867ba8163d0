"""A rule that reads a quantity, and what the words around a quantity show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from mmzoo_tts.text.items import Item

WINDOW = 40


class Rule(NamedTuple):
    """A pattern and what it means.

    Args:
        pattern: Matches at the start of the quantity.
        function: From a match to items, or to None if the match is invalid (a date with month 13).
        needs: The rule is tried only if one of these characters is among the next `WINDOW`; "" for always.
    """

    pattern: re.Pattern[str]
    function: Callable[[re.Match[str]], list[Item] | None]
    needs: str = ""


def rules(*rows: tuple[str, Callable[[re.Match[str]], list[Item] | None], str]) -> tuple[Rule, ...]:
    """Rules of rows of pattern, function and needed characters."""
    return tuple(Rule(re.compile(pattern), function, needs) for pattern, function, needs in rows)


_WORD_BEFORE = re.compile(r"([A-Za-z]+)[.\s]?\Z")
_DETERMINER = re.compile(r"(?<![\w'])(an?|the|this|that|one|another|my|your|his|her|its|our|their)\s\Z", re.I)
_NEXT_WORD = re.compile(r" ([a-z]{2,})\b(?!')")
_PLURAL = re.compile(r" (?!was\b|has\b|does\b|plus\b|less\b|always\b|towards\b|perhaps\b|across\b)[a-z]{2,}[a-rt-z]s\b")
_NO_NOUN = frozenset(
    (
        "about above across after again ago ahead all alone along although an and and any apart are around as at away "
        "back be because been before behind below between but by came can could did do does down during each earlier "
        "either even ever every extra for from further gone had has have he her here his how if in inside into is it "
        "its just last later left less longer may might more most much must my near next no nor not now of off on "
        "once only onto or our out outside over past per plus remain remaining she should since so some south north "
        "east west still than that the their then there these they this those through till to today together "
        "tomorrow too towards under until up upon us very was we were west what when where which while who why will "
        "with within without would yesterday yet you your total worth each hot cold warm cooler warmer"
    ).split()
)
"""Words after an amount that it does not describe."""


def word_before(match: re.Match[str]) -> str:
    """The word before a match, in lower case."""
    start = match.start()
    found = _WORD_BEFORE.search(match.string[max(0, start - 20) : start])
    return found[1].lower() if found else ""


def describes(match: re.Match[str]) -> bool:
    """Whether a determiner shows that a quantity describes a noun, so that its unit is singular: a 5 km run."""
    start, end = match.span()
    found = _DETERMINER.search(match.string[max(0, start - 9) : start])
    return found is not None and (found[1].lower() in {"a", "an"} or noun_follows(match.string, end))


def noun_follows(text: str, position: int) -> bool:
    """Whether a word that may be a noun or an adjective follows."""
    found = _NEXT_WORD.match(text, position)
    return found is not None and found[1] not in _NO_NOUN and not found[1].endswith("ly")


def plural_follows(text: str, position: int) -> bool:
    """Whether a word in the plural follows."""
    return bool(_PLURAL.match(text, position))
