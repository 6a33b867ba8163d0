"""The one table from the recogniser's phones (ARPABET without stress) to ours (flite's US set).

All but one of the 39 phones have a namesake. The exception is AH, which the recogniser writes for two sounds of
ours: the full vowel of "cup" (`ah`) and the reduced one of "about" (`ax`). `to_flite` decides by the word, see there.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmzoo.errors import DataError

ARPABET = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()
SILENCES = ("SIL", "+NSN+", "+SPN+", "<sil>", "(NULL)")
PAUSE = "pau"

TABLE: dict[str, str] = {phone: phone.lower() for phone in ARPABET} | dict.fromkeys(SILENCES, PAUSE)
"""Recogniser phone to ours; AH is `ah` here, and `to_flite` turns it into `ax` where it is reduced."""

VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
REDUCED_WORDS = frozenset({"a", "an", "the"})


def to_flite(phones: Sequence[str], word: str = "") -> list[str]:
    """One word's phones in our set.

    AH is `ah` in a word whose only vowel it is (but for the articles), and in the first syllable of a longer
    word where that syllable begins with a consonant and the next vowel is a reduced one (ER, IH, IY, AH:
    "number", "money"), or where it begins the word in `un-`; elsewhere it is `ax`. Raises DataError for a phone
    that is not in the table.
    """
    unknown = [phone for phone in phones if phone not in TABLE]
    if unknown:
        raise DataError(f"The phone {unknown[0]!r} of {word or 'a word'!r} is not one of the recogniser's; the table is phone_map.TABLE.")
    vowels = [i for i, phone in enumerate(phones) if phone in VOWELS]
    mapped = [TABLE[phone] for phone in phones]
    for order, index in enumerate(vowels):
        if phones[index] == "AH" and not _full(phones, vowels, order, word):
            mapped[index] = "ax"
    return mapped


def _full(phones: Sequence[str], vowels: Sequence[int], order: int, word: str) -> bool:
    if len(vowels) == 1:
        return word.lower() not in REDUCED_WORDS
    if order != 0:
        return False
    index = vowels[0]
    if index == 0:
        return phones[1] == "N" and word.lower().startswith("un") or phones[1] in ("DH", "P")
    return phones[vowels[1]] in ("ER", "IH", "IY", "AH")
