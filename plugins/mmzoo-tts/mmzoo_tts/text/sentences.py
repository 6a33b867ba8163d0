"""Cutting long texts into pieces that can be spoken one after the other."""

from __future__ import annotations

import re

from mmzoo.errors import InputError
from mmzoo_tts.text.tables import ABBREVIATIONS, ENDINGS, STARTERS, TITLES

_SENTENCE_END = re.compile(r"(?:[.!?。]+[\"')\]”’]*|\n[ \t]*(?=\n))\s+")
_LAST_WORD = re.compile(r"([A-Za-z.]+)\.[\"')\]”’]*\s+\Z")
_NEXT_WORD = re.compile(r"[\"'(\[“‘]*([A-Za-z]+)")
_CLAUSE = re.compile(r"[,;:)—–]\s+|\s-+\s")
_NEVER_LAST = frozenset(TITLES) | frozenset({"dr", "st", "vs", "no", "fig", "vol", "e.g", "i.e", "cf", "approx"})
_SELDOM_LAST = frozenset(ENDINGS) | frozenset(ABBREVIATIONS) | {"a.m", "p.m"}


def split_sentences(text: str, max_characters: int = 300) -> list[str]:
    """The sentences of a text in order, without the white space around them.

    Sentences longer than `max_characters` are cut further, at commas and dashes if there are any in the second
    half of the piece, else between words, else (a "word" of that length) anywhere. Joined again they hold every
    character of the text except white space. Raises InputError if max_characters is below 20.
    """
    if max_characters < 20:
        raise InputError(f"max_characters is {max_characters}; give at least 20.")
    pieces: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if _ends_sentence(text, start, match):
            pieces += _cut(text[start : match.end()].strip(), max_characters)
            start = match.end()
    return pieces + _cut(text[start:].strip(), max_characters)


def _ends_sentence(text: str, start: int, match: re.Match[str]) -> bool:
    mark = match[0].strip()
    if not mark or mark[0] != "." or mark.startswith(".."):
        # "Go!" he said: with a quotation mark or an ellipsis, a small letter goes on with the sentence.
        goes_on = mark.startswith("..") or mark[-1:] in "\"')]”’"
        return not (mark and goes_on and text[match.end() : match.end() + 1].islower())
    # A full stop: not after a title or an initial, and not before a small letter.
    after = _NEXT_WORD.match(text, match.end())
    if after and after[1][0].islower():
        return False
    last = _LAST_WORD.search(text, max(start, match.start() - 20), match.end())
    if last is None:
        return True
    word, begins = last[1].lower(), bool(after and after[1] in STARTERS)
    if word in _NEVER_LAST:
        return begins and word in {"no", "st", "dr"}
    if word in _SELDOM_LAST or "." in word:
        return begins or after is None
    return begins or after is None or not (len(word) == 1 and last[1].isupper())


def _cut(piece: str, limit: int) -> list[str]:
    cut: list[str] = []
    while len(piece) > limit:
        clauses = [m.end() for m in _CLAUSE.finditer(piece, limit // 2, limit)]
        at = clauses[-1] if clauses else max(piece.rfind(" ", 1, limit), piece.rfind("\n", 1, limit))
        at = at if at > 0 else limit
        cut.append(piece[:at].strip())
        piece = piece[at:].strip()
    return [part for part in [*cut, piece] if part]
