"""A rule that reads a quantity."""

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
