"""The International Phonetic Alphabet to the phones of this plugin, for American English.

Only symbols whose sound the set has are listed. A British, French or other sound that it lacks (ɒ, y, x, ʔ) is refused:
its nearest phone would be a guess.
"""

from __future__ import annotations

import unicodedata

from mmzoo.errors import InputError

_TABLE = {
    "ɑ": "aa", "æ": "ae", "ʌ": "ah", "ɔ": "ao", "aʊ": "aw", "aw": "aw", "ə": "ax", "aɪ": "ay", "aj": "ay",
    "ɛ": "eh", "ɝ": "er", "ɚ": "er", "ɜ˞": "er", "ə˞": "er", "ɜɹ": "er", "ɜr": "er", "eɪ": "ey", "ej": "ey", "e": "ey",
    "ɪ": "ih", "i": "iy", "oʊ": "ow", "ow": "ow", "o": "ow", "ɔɪ": "oy", "ɔj": "oy", "ʊ": "uh", "u": "uw",
    "b": "b", "tʃ": "ch", "ʧ": "ch", "d": "d", "ð": "dh", "f": "f", "ɡ": "g", "g": "g", "h": "hh", "dʒ": "jh",
    "ʤ": "jh", "k": "k", "l": "l", "ɫ": "l", "m": "m", "n": "n", "ŋ": "ng", "p": "p", "ɹ": "r", "r": "r", "s": "s",
    "ʃ": "sh", "t": "t", "θ": "th", "v": "v", "w": "w", "j": "y", "z": "z", "ʒ": "zh",
    "l̩": "ax l", "m̩": "ax m", "n̩": "ax n",
}  # fmt: skip
_SILENT = frozenset("ˈˌ'.ː‿͜͡ ")
"""Stress, length, syllables and ties: the set does not distinguish them."""

_SYMBOLS = {unicodedata.normalize("NFD", symbol): tuple(phones.split()) for symbol, phones in _TABLE.items()}
_LONGEST = max(map(len, _SYMBOLS))


def phones_of_ipa(text: str, where: str) -> tuple[str, ...]:
    """The phones of an IPA transcription; the longest symbol that fits is read first.

    Args:
        text: The transcription; stress, length and tie marks are ignored.
        where: What it is the pronunciation of, for the error.

    Raises:
        InputError: It is empty, or has a sound that the set lacks.
    """
    sounds = "".join(c for c in unicodedata.normalize("NFD", text) if c not in _SILENT)
    phones: tuple[str, ...] = ()
    position = 0
    while position < len(sounds):
        ends = (end for end in range(position + _LONGEST, position, -1) if sounds[position:end] in _SYMBOLS)
        end = next(ends, None)
        if end is None or (end < len(sounds) and unicodedata.combining(sounds[end])):
            shown = sounds[position : max(end or 0, position + 1) + (end is not None)]
            raise InputError(
                f"The pronunciation of {where} has the IPA symbol {shown!r}, whose sound this voice lacks; it has"
                f" {' '.join(_TABLE)}."
            )
        phones += _SYMBOLS[sounds[position:end]]
        position = end
    if not phones:
        raise InputError(f"The pronunciation of {where} is empty; write IPA symbols of {' '.join(_TABLE)}.")
    return phones
