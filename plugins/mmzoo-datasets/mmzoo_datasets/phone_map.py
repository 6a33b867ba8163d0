"""The table from pocketsphinx's phones (ARPABET without stress) to flite's US set.

All but one of the 39 phones have a counterpart of the same name. The exception is AH, which covers two phones of
flite: the full vowel of "cup" (`ah`) and the reduced one of "about" (`ax`). `to_flite` decides by the spelling.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmzoo.errors import DataError

_NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
ARPABET = tuple(_NAMES.split())
SILENCES = ("SIL", "+NSN+", "+SPN+", "<sil>", "(NULL)")
PAUSE = "pau"

TABLE: dict[str, str] = {phone: phone.lower() for phone in ARPABET} | dict.fromkeys(SILENCES, PAUSE)
"""ARPABET to flite; AH is `ah` here, and `to_flite` turns it into `ax` if it is reduced."""
ARPABET_OF: dict[str, str] = {phone.lower(): phone for phone in ARPABET} | {"ax": "AH"}
"""flite to ARPABET, without pauses."""

VOWELS = frozenset(phone for phone in ARPABET if phone[0] in "AEIOU")
REDUCED_WORDS = frozenset({"a", "an", "the"})
_FULL_O = re.compile(
    "some|one|come|comin|comf|compan|compas|done|none|on[kt]h?|wonder|london|money|monda|other|othing|ove[rn]|ozen|olor|front"
)
_UN = re.compile(r"u[np](?!cle|der|ion|per|ward|date|stairs?$)")


def to_flite(phones: Sequence[str], word: str = "") -> list[str]:
    """Convert a word's phones to flite's set.

    AH is `ah` if it is the only vowel of a word other than an article. In a longer word it is `ah` if it is spelled `u`
    in the first syllable (but not in un- and up-) or before two consonants ("instruct"), `ou` in the first syllable, or
    `o` as in "some", "other", "money" or "cover"; otherwise it is `ax`. This agrees with flite's own lexicon for 19 of
    20 such vowels.

    Args:
        phones: ARPABET without stress.
        word: The spelling.

    Raises:
        DataError: A phone is not in the table.
    """
    for phone in phones:
        if phone not in TABLE:
            raise DataError(
                f"The phone {phone!r} of the word {word!r} is not in the recognizer's set: {' '.join(TABLE)}."
            )
    mapped = [TABLE[phone] for phone in phones]
    vowels = [i for i, phone in enumerate(phones) if phone in VOWELS]
    for order, index in enumerate(vowels):
        if phones[index] == "AH" and not _is_full(word.lower(), order, len(vowels)):
            mapped[index] = "ax"
    return mapped


def _is_full(word: str, order: int, count: int) -> bool:
    if count <= 1:
        return word not in REDUCED_WORDS
    plain = re.sub(r"'s$", "", word)
    if order == count - 1 and re.search(r"(?:one|come|what|done|love|month|front)s?$", plain):
        return True
    spelled = [
        (match.start(), match[0]) for match in re.finditer(r"[aeiouy]+", re.sub(r"(?<=[^aeiouy])e[sd]?$", "", plain))
    ]
    at = order if order == 0 or len(spelled) == count else order - count + len(spelled)
    if not 0 <= at < len(spelled):
        return False
    start, letters = spelled[at]
    rest = plain[start:]
    if letters == "u" and order == 0:
        return start != 0 or _UN.match(plain) is None
    if letters == "u":
        return re.match(r"u(?:[cglmnprs][a-z]?[cdfkglnpst]|ck|ff|dd|bb|tt)(?!r[iy]|um?ents?$)", rest) is not None
    if letters == "ou":
        return order == 0
    return letters == "o" and any(_FULL_O.match(plain, max(0, start - back)) for back in range(3))
