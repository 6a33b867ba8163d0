"""Phones: how a model states its set, and how people write phones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mmzoo.data.marks import bare
from mmzoo.errors import ConfigError, InputError
from mmzoo_tts.inventory import CONSONANTS, PAUSE, PHONE_IDS, PHONES, VOWELS


def phone_set(phones: Sequence[str] | None) -> list[str]:
    """The phones of a model's config; None for flite's. ConfigError if two are equal or the first is no pause."""
    if phones is None:
        return list(PHONES)
    if not phones or phones[0] != PAUSE or len(set(phones)) < len(phones) or not all(phones):
        raise ConfigError(f"phones must be different names, of which the first is the pause {PAUSE!r}.", path="phones")
    return list(phones)


def phone_ids(phones: Sequence[str], known: Sequence[str]) -> list[int]:
    """The ids of phones in a model's set; those that it has only without their marks are read without.

    Raises:
        KeyError: A phone is not in the set.
    """
    ids = {phone: index for index, phone in enumerate(known)}
    return [ids[phone if phone in ids else bare(phone)] for phone in phones]


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


ENDINGS: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "'s": possessive,
    "'ll": lambda phones: ("l",) if phones[-1] in VOWELS else ("ax", "l"),
    "'ve": lambda phones: ("v",) if phones[-1] in VOWELS else ("ax", "v"),
    "'d": lambda phones: ("ax", "d") if phones[-1] in {"t", "d"} else ("d",),
    "'re": lambda phones: ("er",),
}
"""The phones of an ending after a word with the given phones."""

_PHONE = re.compile(r"([a-z]+)([012]?)")


def parse_phones(text: str, where: str) -> tuple[str, ...]:
    """Phones that a user wrote: separated by spaces, in either case, perhaps with stress digits on vowels.

    The set has no stress, so the digits are dropped; `AH0`, which is how ARPABET writes the reduced vowel, is `ax`.

    Args:
        text: The phones.
        where: What they are the pronunciation of, for the error.

    Raises:
        InputError: There are none, or one is not in the set.
    """
    phones = tuple(_PLAIN.get(phone) or _phone(phone, where) for phone in text.split())
    if not phones:
        raise InputError(f"The pronunciation of {where} is empty; write phones, separated by spaces: {_SET}.")
    return phones


def _phone(text: str, where: str) -> str:
    match = _PHONE.fullmatch(text.lower())
    phone, stress = match.groups() if match else ("", "")
    if phone not in PHONE_IDS or phone == PAUSE or (stress and phone not in VOWELS):
        raise InputError(f"The pronunciation of {where} has {text[:20]!r}, which is not one of its phones: {_SET}.")
    return "ax" if (phone, stress) == ("ah", "0") else phone


_SET = " ".join((*VOWELS, *CONSONANTS))
_PLAIN = {phone: phone for phone in (*VOWELS, *CONSONANTS)}
