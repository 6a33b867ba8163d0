"""Rules for Roman numerals."""

from __future__ import annotations

import re
from collections.abc import Container

from mmzoo_tts.text import numbers
from mmzoo_tts.text.items import Item, suffixed, words
from mmzoo_tts.text.tables import NUMBERED, PLAIN_ROMANS, RULERS, TENTHS

_ORDINAL = re.compile("([IVXLC]+)(?:st|nd|rd|th)")


def roman_numeral(word: str, previous: str, rest: str, known: Container[str]) -> list[Item] | None:
    """A Roman numeral in context (`Henry VIII`, `chapter IV`, `World War II`) or a clear one alone, or None.

    Args:
        word: The word as written.
        previous: The word before it, "" at the start of a phrase.
        rest: The text after it.
        known: Words with a pronunciation.
    """
    before = previous.lower().removesuffix("'s")
    small = len(word) > 1 and word.islower() and before in NUMBERED and set(word) <= set("ivxl")
    if ordinal := _ORDINAL.fullmatch(word):
        value = numbers.roman(ordinal[1])
        return words(word, numbers.ordinal(value)) if value else None
    numeral = word.removesuffix("'s")
    value = numbers.roman(word.upper() if small else numeral)
    if value is None:
        return None
    if numeral != word:
        items = roman_numeral(numeral, previous, rest, known)
        return items and suffixed(items, word)
    if before in NUMBERED and numeral in {"C", "D", "L", "M"}:
        return None
    if before in NUMBERED:
        return words(word, numbers.cardinal(value))
    if before in RULERS and previous[0].isupper() and (numeral != "X" or before in TENTHS):
        # In "When Charles I met", "I" is read as the pronoun; in "Charles I of England" and the like, as a numeral.
        if word == "I" and re.match(r"\s+[a-z]", rest) and not re.match(r"\s+(?:of|and|was|the)\b", rest):
            return None
        return words(word, ["the", *numbers.ordinal(value)])
    if len(word) > 3 and value > 1000 and word.lower() not in known:
        return words(word, numbers.year(value))
    if word in PLAIN_ROMANS and re.match(r"\s+centur", rest):
        return words(word, numbers.ordinal(value))
    if word in PLAIN_ROMANS or (
        len(word) > 1 and previous[:1].isupper() and previous.isalpha() and set(word) <= set("IVX")
    ):
        return words(word, numbers.cardinal(value))
    return None
