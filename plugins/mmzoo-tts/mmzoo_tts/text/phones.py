"""The phone inventory: flite's US English set, one pause symbol and forty sounds.

The set is ARPABET in lower case without stress; `ax` is the only reduced vowel. A phone's index in
`PHONES` is its id in every model of this plugin, and the pause has id 0.
"""

from __future__ import annotations

PAUSE = "pau"

VOWELS = ("aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw")
CONSONANTS = (
    *("b", "ch", "d", "dh", "f", "g", "hh", "jh", "k", "l", "m", "n", "ng"),
    *("p", "r", "s", "sh", "t", "th", "v", "w", "y", "z", "zh"),
)

PHONES = (PAUSE, *VOWELS, *CONSONANTS)
PHONE_IDS = {phone: index for index, phone in enumerate(PHONES)}

SIBILANTS = frozenset({"s", "z", "sh", "zh", "ch", "jh"})
VOICELESS = frozenset({"p", "t", "k", "f", "th"})

LETTER_PHONES: dict[str, tuple[str, ...]] = {
    letter: tuple(phones.split())
    for letter, phones in {
        "a": "ey", "b": "b iy", "c": "s iy", "d": "d iy", "e": "iy", "f": "eh f", "g": "jh iy", "h": "ey ch",
        "i": "ay", "j": "jh ey", "k": "k ey", "l": "eh l", "m": "eh m", "n": "eh n", "o": "ow", "p": "p iy",
        "q": "k y uw", "r": "aa r", "s": "eh s", "t": "t iy", "u": "y uw", "v": "v iy", "w": "d ah b ax l y uw",
        "x": "eh k s", "y": "w ay", "z": "z iy",
    }.items()
}  # fmt: skip
"""The phones of each letter's name."""


def possessive(phones: tuple[str, ...]) -> tuple[str, ...]:
    """The phones of `'s` after a word with these phones: `ax z`, `s` or `z`."""
    last = phones[-1] if phones else ""
    if last in SIBILANTS:
        return ("ax", "z")
    return ("s",) if last in VOICELESS else ("z",)
