"""Output of the normalizer: spoken words and the breaks between them."""

from __future__ import annotations

from dataclasses import dataclass

from mmzoo_tts.text.numbers import digits


@dataclass(frozen=True, slots=True)
class Spoken:
    """One spoken word.

    Args:
        written: The piece of the text it is read from.
        word: Lower-case letters and apostrophes.
        letter: The word is the name of one letter, perhaps with `'s`.
        phones: Its phones if the user gave them, else empty.
    """

    written: str
    word: str
    letter: bool = False
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Break:
    """The end of a phrase.

    Args:
        mark: One of `. ? ! ; : - ,`.
        pause: Seconds of silence that the user asked for; None for the natural pause.
    """

    mark: str
    pause: float | None = None


Item = Spoken | Break

INSERT = "\ue000"
"""Stands in a folded text where items are given; private use, so `fold` never leaves one in."""


@dataclass(frozen=True, slots=True)
class Insert:
    """Items that are given, not read from the text.

    Args:
        items: The items.
        length: How many letters follow INSERT and are not read: the written word, for the rules that look ahead.
    """

    items: tuple[Item, ...]
    length: int = 0


STRENGTH = {mark: rank for rank, mark in enumerate(",-:;.!?")}


def words(written: str, said: str | list[str]) -> list[Item]:
    """Spoken items of one written piece; `said` is its words, as a list or separated by spaces."""
    return [Spoken(written, word) for word in (said.split() if isinstance(said, str) else said)]


def letters(written: str, said: str) -> list[Item]:
    """One written piece spelled: the names of the letters and digits in `said`."""
    items: list[Item] = []
    for character in said.lower():
        if character.isdigit():
            items.append(Spoken(written, digits(character)[0]))
        elif character.isalpha():
            items.append(Spoken(written, character, letter=True))
    return items


def suffixed(items: list[Item], written: str, suffix: str = "'s") -> list[Item]:
    """The items of one written piece, the last with a suffix."""
    *first, last = [item for item in items if isinstance(item, Spoken)]
    items = [Spoken(written, item.word, item.letter) for item in first]
    return [*items, Spoken(written, last.word + suffix, last.letter)]
