"""Markup in a text, as a sequence of spans: pauses `[pause 300ms]` and pronunciations `[word](phones)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmzoo.errors import InputError
from mmzoo_tts.text.items import Break, Item, Spoken
from mmzoo_tts.text.phones import parse_phones

LONGEST_PAUSE_S = 10.0
LONGEST_SILENCE_S = 3600.0
"""Of all pauses of a text together."""

_INLINE = re.compile(
    r"\[\s*pause\s+(?P<time>[-+.\d][^\[\]\n]{0,40})\]"
    r"|\[(?P<word>[^\[\]\n]{1,200})\]\((?P<phones>[^()\n]{1,2000})\)",
    re.IGNORECASE,
)
_PHONES = re.compile(r"\s*/[^/]+/\s*|(?=.*[^\W\d_])[\w\s'’]+")
_TIME = re.compile(r"\+?(\d{1,9}(?:\.\d*)?|\.\d+)\s*(ms|s)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """Text to read by the rules.

    Args:
        text: The text.
        written: What it stands for in the user's text (the content of SSML's `sub`); None for itself.
        rate: Its rate relative to the rest.
    """

    text: str
    written: str | None = None
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the user's text with the items to say for it, such as a word with given phones.

    Args:
        written: The piece.
        items: What is said.
        rate: Its rate relative to the rest.
    """

    written: str
    items: tuple[Item, ...]
    rate: float = 1.0


Span = Text | Said | Break


def parse_inline(text: str, rate: float = 1.0) -> list[Span]:
    """Text with `[pause 300ms]` and `[word](phones)`; other brackets are ordinary text."""
    spans: list[Span] = []
    position = 0
    for match in _INLINE.finditer(text):
        span = _pause(match["time"]) if match["time"] else _pronounced(match, rate)
        if span is None:
            continue
        if match.start() > position:
            spans.append(Text(text[position : match.start()], rate=rate))
        spans.append(span)
        position = match.end()
    if position < len(text):
        spans.append(Text(text[position:], rate=rate))
    return spans


def _pause(time: str) -> Break:
    return Break(",", seconds(time, f"[pause {time.strip()}]"))


def seconds(time: str, where: str) -> float:
    """The seconds of a time such as `300ms` or `1.5s`.

    Raises:
        InputError: It is not a time from 0 to 10 s.
    """
    match = _TIME.fullmatch(time.strip())
    value = float(match[1]) / (1000 if match[2].lower() == "ms" else 1) if match else -1.0
    if not 0 <= value <= LONGEST_PAUSE_S:
        raise InputError(f"{where} is not a pause from 0 to {LONGEST_PAUSE_S:g} s; write it like 300ms or 1.5s.")
    return value


def _pronounced(match: re.Match[str], rate: float) -> Said | None:
    word, said = " ".join(match["word"].split()), match["phones"]
    if not word or not _PHONES.fullmatch(said):
        return None
    try:
        phones = parse_phones(said.strip().strip("/"), f"{word[:40]!r}")
    except InputError as error:
        raise InputError(f"{error} To have it read as text, put a space between ] and (.") from None
    return pronounced(word, phones, rate)


def pronounced(word: str, phones: tuple[str, ...], rate: float = 1.0) -> Said:
    """A word with its phones."""
    return Said(word, (Spoken(word, word.lower(), phones=phones),), rate)
