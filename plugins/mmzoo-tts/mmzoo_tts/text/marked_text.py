"""A text with markup as the normalizer reads it, and back: which written word each spoken word was read from.

There is one path: plain text is a single span. All spans become one folded text with INSERT where something is given,
so that the rules see each word in its context.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mmzoo.errors import InputError
from mmzoo_tts.text.clean import CleanText, check_speakable, fold
from mmzoo_tts.text.items import INSERT, Break, Insert, Item, Spoken
from mmzoo_tts.text.markup import LONGEST_SILENCE_S, Said, Span, Text, parse_inline, pronounced
from mmzoo_tts.text.normalizer import NormalText
from mmzoo_tts.text.ssml import is_ssml, parse_ssml
from mmzoo_tts.text.user_lexicon import EMPTY, ENDING, UserLexicon, with_ending

_LETTERS = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_TOKENS = re.compile(r"\r\n|\s|\S*\d\s[µμ]\S*|\S+")  # `fold` reads "5 µm" as one
_PUNCTUATION = '"“”„«»‘’()[]{}.,;:!?…¿¡'


def parse(text: str) -> list[Span]:
    """The spans of a text: SSML if it begins with `<speak>`, otherwise text with inline markup.

    Raises:
        InputError: The text is not a string, or the markup has a mistake.
    """
    if not isinstance(text, str):
        raise InputError(f"The text is of type {type(text).__name__}; give a string.")
    return parse_ssml(text) if is_ssml(text) else parse_inline(text)


@dataclass(frozen=True, slots=True)
class _Region:
    """Where a piece of the folded text comes from.

    Args:
        folded: Its start in the folded text.
        start: Start of its source in the written text.
        end: End of its source.
        aligned: Each character comes from the character at the same place of the source.
        rate: Its rate.
    """

    folded: int
    start: int
    end: int
    aligned: bool
    rate: float


class MarkedText:
    """Spans as one folded text.

    Args:
        spans: The spans of `parse`.
        lexicon: The user's own pronunciations; inline ones are spans already and come before them.

    Attributes:
        folded: What the normalizer reads.
        inserts: What to say at each INSERT of it.
        unspoken: Pieces that were left out.

    Raises:
        InputError: There is nothing to say, or the pauses are longer than LONGEST_SILENCE_S.
    """

    def __init__(self, spans: Iterable[Span], lexicon: UserLexicon = EMPTY) -> None:
        self._folded: list[str] = []
        self._written: list[str] = []
        self._sizes = [0, 0]  # of both
        self._regions: list[_Region] = []
        self.inserts: list[Insert] = []
        unspoken: dict[str, None] = {}
        for span in _with_endings(spans):
            if isinstance(span, Break):
                self._insert(Insert((span,)), "", 1.0)
            elif isinstance(span, Said):
                self._say(span)
            else:
                unspoken |= dict.fromkeys(self._text(span, lexicon))
        items = [item for insert in self.inserts for item in insert.items]
        silence = sum(item.pause or 0.0 for item in items if isinstance(item, Break))
        if silence > LONGEST_SILENCE_S:
            raise InputError(
                f"The pauses of the text add up to {silence:g} s; at most {LONGEST_SILENCE_S:g} s are read."
            )
        self.unspoken = tuple(unspoken)
        self.folded, self._text_written = "".join(self._folded), "".join(self._written)
        if not any(isinstance(item, Spoken) for item in items):
            check_speakable(CleanText(self.folded.replace(INSERT, ""), self.unspoken))

    # --- building ----------------------------------------------------------------------------------------

    def _add(self, folded: str, written: str, rate: float, *, aligned: bool = False) -> None:
        start = self._sizes[1]
        self._regions.append(_Region(self._sizes[0], start, start + len(written), aligned, rate))
        self._folded.append(folded)
        self._written.append(written)
        self._sizes = [self._sizes[0] + len(folded), start + len(written)]

    def _insert(self, insert: Insert, written: str, rate: float, letters: str = "") -> None:
        self.inserts.append(insert)
        self._add(INSERT + letters, written, rate)

    def _say(self, span: Said) -> None:
        letters = span.written if _LETTERS.fullmatch(span.written) else ""
        self._insert(Insert(span.items, len(letters)), span.written, span.rate, letters)

    def _text(self, span: Text, lexicon: UserLexicon) -> tuple[str, ...]:
        """Add text, and return what of it cannot be spoken."""
        unspoken: tuple[str, ...] = ()
        text = unicodedata.normalize("NFC", span.text) if len(lexicon) else span.text
        first = len(self._regions)
        for piece, ending, phones in lexicon.split(text):
            if phones:
                self._say(pronounced(piece + ending, with_ending(phones, ending), span.rate))
                continue
            folded = fold(piece)
            unspoken += folded.unspoken
            for part in _aligned(folded.text, piece):
                self._add(*part, span.rate, aligned=len(part[0]) == len(part[1]))
        if span.written is not None:
            self._stand_for(span.written, first)
        return unspoken

    def _stand_for(self, written: str, first: int) -> None:
        """Make the regions from `first` on come from `written`."""
        if first == len(self._regions):
            return
        start = self._regions[first].start
        self._written[first:] = [written, *[""] * (len(self._regions) - first - 1)]
        self._sizes[1] = start + len(written)
        self._regions[first:] = [
            _Region(region.folded, start, start + len(written), False, region.rate) for region in self._regions[first:]
        ]

    # --- reading -----------------------------------------------------------------------------------------

    def words(self, normal: NormalText) -> list[tuple[str, bool, float]]:
        """For each item: its written word, whether it continues that of the word before, and its rate.

        A written word runs to the next space or break; one that a single rule reads, such as "5 km" or "555-1234", is
        not divided. For a break, the written word is empty.
        """
        starts = [region.folded for region in self._regions]
        groups: list[list[int]] = []  # start and end in the written text
        group_of: list[int] = []
        rates: list[float] = []
        broken = True
        for item, (first, last) in zip(normal.items, normal.spans, strict=True):
            if isinstance(item, Break):
                broken = True
                group_of.append(-1)
                rates.append(1.0)
                continue
            piece = self.folded[first:last]
            first, last = first + len(piece) - len(piece.lstrip()), last - len(piece) + len(piece.rstrip())
            region, final = (self._regions[bisect_right(starts, at) - 1] for at in (first, last - 1))
            start = region.start + (first - region.folded if region.aligned else 0)
            end = final.start + last - final.folded if final.aligned else final.end
            previous = groups[-1] if groups else None
            if previous and (
                start < previous[1] or (not broken and not _spaced(self._text_written[previous[1] : start]))
            ):
                previous[1] = max(end, previous[1])
            else:
                groups.append([start, end])
            broken = False
            group_of.append(len(groups) - 1)
            rates.append(region.rate)
        texts = [_shown(self._text_written[start:end]) for start, end in groups]
        result, before = [], -1
        for group, rate in zip(group_of, rates, strict=True):
            result.append((texts[group], group == before, rate) if group >= 0 else ("", False, rate))
            before = max(group, before)
        return result


def _with_endings(spans: Iterable[Span]) -> list[Span]:
    """The spans, with an ending such as `'s` moved to what it follows."""
    result: list[Span] = []
    for span in spans:
        before = result[-1] if result else None
        if isinstance(span, Text) and span.written is None and isinstance(before, Said):
            match = ENDING.match(span.text)
            last = _with_ending(before.items[-1], match[0]) if match else None
            if match and last:
                result[-1] = Said(before.written + match[0], (*before.items[:-1], last), before.rate)
                span = replace(span, text=span.text[match.end() :])
        result.append(span)
    return result


def _with_ending(item: Item, ending: str) -> Item | None:
    """The last item of a word with this ending; None if it has to be read by itself."""
    plain = ending.lower().replace("’", "'")
    if not isinstance(item, Spoken) or (item.letter and plain != "'s"):
        return None
    return replace(item, word=item.word + plain, phones=with_ending(item.phones, ending) if item.phones else ())


def _spaced(between: str) -> bool:
    return any(c.isspace() for c in between)


def _shown(written: str) -> str:
    """A written word without the spaces and punctuation around it, except the period of an abbreviation."""
    text = " ".join(written.split())
    bare = text.strip(_PUNCTUATION)
    return bare + "." if bare and text.endswith(bare + ".") else bare or text


def _aligned(folded: str, text: str) -> Sequence[tuple[str, str]]:
    """Pairs of folded pieces and what they come from: all of it, or by word, or by character."""
    if len(folded) == len(text):
        return [(folded, text)]
    parts: list[tuple[str, str]] = []
    position = 0
    for token in _TOKENS.findall(text):
        for piece, source in _by_character(token):
            # A piece of another script leaves a space if something follows.
            extra = 0 if folded.startswith(piece, position) else 1
            if not folded.startswith(piece, position + extra):
                return [(folded, folded)]
            end = position + extra + len(piece)
            parts.append((folded[position:end], source))
            position = end
    if position < len(folded):
        parts.append((folded[position:], ""))
    return parts


def _by_character(token: str) -> Sequence[tuple[str, str]]:
    whole = _folded(token)
    if len(whole) == len(token):
        return [(whole, token)]
    characters = [(_folded(character), character) for character in token]
    return characters if "".join(piece for piece, _ in characters) == whole else [(whole, token)]


@lru_cache(4096)
def _folded(token: str) -> str:
    return fold(token).text
