"""Cuts a pronunciation into chunks that are synthesized one at a time, at pauses where possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from mmzoo.data.marks import bare, begun
from mmzoo.interfaces import Segment
from mmzoo_tts.inventory import PAUSE
from mmzoo_tts.joining import FADE_S
from mmzoo_tts.text.pronunciation import Pronunciation, Word

MAX_PHONES = 160
"""About 14 s of speech; training utterances are rarely longer."""

SENTENCE_ENDS = ".?!"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Phones that are synthesized together; the first and last are pauses.

    Args:
        marked: The phones with marks of words and phrase ends, see `mmzoo.data.marks`.
        words: For each written word, its text ("" if it began in the chunk before), the index of its first phone, and
            the index after its last.
        rates: The rate of each phone relative to the rest of the text.
        lead: Seconds of silence before the first word, if the text says so.
        tail: Seconds of silence after the last word, if the text says so.
    """

    marked: tuple[str, ...]
    words: tuple[tuple[str, int, int], ...]
    rates: tuple[float, ...]
    lead: float | None = None
    tail: float | None = None

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones without marks."""
        return tuple(map(bare, self.marked))

    def segments(self, phone_segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """The words as segments, then the given segments, one per phone."""
        words = tuple(
            Segment("word", text, phone_segments[first].start, phone_segments[last - 1].end)
            for text, first, last in self.words
            if last > first
        )
        return words + tuple(phone_segments)


def split_chunks(pronunciation: Pronunciation) -> list[Chunk]:
    """One chunk per sentence, and one up to each pause that the text asks for.

    A chunk of more than MAX_PHONES is cut at phrase ends or, failing that, between words.
    """
    chunks: list[Chunk] = []
    pending: list[tuple[list[Word], str]] = []
    size = 0
    lead = pronunciation.lead

    def flush(tail: float | None = None) -> None:
        nonlocal size, lead
        if pending:
            chunks.append(_chunk(pending, lead, tail))
            lead = None
        pending.clear()
        size = 0

    for phrase in pronunciation.phrases:
        pieces = _pieces(list(phrase.words))
        for index, piece in enumerate(pieces, start=1):
            length = sum(len(word.phones) for word in piece)
            if size + length > MAX_PHONES:
                flush()
            pending.append((piece, phrase.end if index == len(pieces) else ""))
            size += length
        if phrase.pause is not None:
            # A little of the pause belongs to the next chunk, so that both have room to fade.
            rest = 0.0 if phrase is pronunciation.phrases[-1] else min(FADE_S, phrase.pause / 2)
            flush(phrase.pause - rest)
            lead = rest
        elif phrase.end and phrase.end in SENTENCE_ENDS:
            flush()
    flush()
    return chunks


def _pieces(words: list[Word]) -> list[list[Word]]:
    """A phrase as runs of words of at most MAX_PHONES phones; longer words are cut too."""
    pieces: list[list[Word]] = [[]]
    size = 0
    for word in chain.from_iterable(map(_parts, words)):
        if pieces[-1] and size + len(word.phones) > MAX_PHONES:
            pieces.append([])
            size = 0
        pieces[-1].append(word)
        size += len(word.phones)
    return [piece for piece in pieces if piece]


def _parts(word: Word) -> list[Word]:
    """A word (say, 1,000 spelled letters) as words of at most MAX_PHONES phones; all but the first continue it."""
    starts = range(0, max(len(word.phones), 1), MAX_PHONES)
    return [replace(word, phones=word.phones[i : i + MAX_PHONES], continues=word.continues or i > 0) for i in starts]


def _chunk(phrases: list[tuple[list[Word], str]], lead: float | None, tail: float | None) -> Chunk:
    phones: list[str] = [PAUSE]
    rates = [phrases[0][0][0].rate]
    words: list[tuple[str, int, int]] = []
    for phrase, end in phrases:
        for word in phrase:
            start, stop = len(phones), len(phones) + len(word.phones)
            if word.continues and words:
                text, start, _ = words.pop()
            else:
                text = "" if word.continues else word.written or word.text
            words.append((text, start, stop))
            phones.extend(begun(word.phones))
            rates += [word.rate] * len(word.phones)
        phones.append(PAUSE + end)
        rates.append(phrase[-1].rate)
    return Chunk(tuple(phones), tuple(words), tuple(rates), lead, tail)
