"""Error rates of words, letters and phones, scores of sounds, and 95 % intervals for both and their differences."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

Counts = np.ndarray[Any, np.dtype[np.int64]]
Values = np.ndarray[Any, np.dtype[np.float64]]


class Measured(Protocol):
    """What is measured utterance by utterance, and pooled as a sum of numerators over a sum of denominators."""

    @property
    def ratio(self) -> tuple[Counts | Values, Counts]:
        """Numerators and denominators `[utterances]`."""

    @property
    def rate(self) -> float:
        """The pooled value."""


TITLES = {"dr": "doctor", "mr": "mister", "mrs": "missus", "prof": "professor"}
"""Words that some listeners abbreviate and others write out."""


def plain(text: str) -> list[str]:
    """A text as lowercase words without punctuation, figures and diacritics, for comparing transcripts."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return [TITLES.get(word, word) for word in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", letters)]


def language_of(texts: Iterable[str]) -> str:
    """The language in which most letters are written: "ru" for Cyrillic ones, otherwise "en"."""
    letters = Counter(unicodedata.name(c, "").partition(" ")[0] for text in texts for c in text if c.isalpha())
    return "ru" if letters and letters.most_common(1)[0][0] == "CYRILLIC" else "en"


def edits(reference: Sequence[str], heard: Sequence[str]) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of an alignment with the fewest edits; ties prefer substitutions."""
    rows, columns = len(reference) + 1, len(heard) + 1
    cost = np.zeros((rows, columns), np.int64)
    cost[:, 0], cost[0, :] = np.arange(rows), np.arange(columns)
    for i in range(1, rows):
        for j in range(1, columns):
            same = reference[i - 1] == heard[j - 1]
            cost[i, j] = min(cost[i - 1, j - 1] + (not same), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j, substitutions, deletions, insertions = rows - 1, columns - 1, 0, 0, 0
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (reference[i - 1] != heard[j - 1]):
            substitutions += reference[i - 1] != heard[j - 1]
            i, j = i - 1, j - 1
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            deletions, i = deletions + 1, i - 1
        else:
            insertions, j = insertions + 1, j - 1
    return substitutions, deletions, insertions


def repeats(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Repeated words in the transcript beyond those in the reference: a synthesizer's stutter."""
    doubled = [sum(a == b for a, b in pairwise(words)) for words in (reference, heard)]
    return max(0, doubled[1] - doubled[0])


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Edits pooled over utterances.

    Attributes:
        counts: Substitutions, deletions, insertions and reference length, `[utterances, 4]`.
    """

    counts: Counts

    @classmethod
    def of(cls, references: Sequence[Sequence[str]], heard: Sequence[Sequence[str]]) -> ErrorRate:
        """Compare pairs of symbol sequences."""
        rows = [(*edits(r, h), len(r)) for r, h in zip(references, heard, strict=True)]
        return cls(np.array(rows, np.int64).reshape(-1, 4))

    @property
    def rate(self) -> float:
        """All edits over all reference symbols."""
        return pooled_ratio(self)

    @property
    def ratio(self) -> tuple[Counts, Counts]:
        """Edits and reference lengths `[utterances]`."""
        return self.counts[:, :3].sum(1), self.counts[:, 3]

    def parts(self) -> dict[str, float]:
        """The rates of substitutions, deletions (skipped) and insertions (added)."""
        total = max(1, int(self.counts[:, 3].sum()))
        sums = self.counts.sum(0)
        return {n: float(sums[i]) / total for i, n in enumerate(("substituted", "skipped", "added"))}


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of utterances; pooled, their mean.

    Attributes:
        values: One score for each utterance, `[utterances]`.
    """

    values: Values

    @property
    def rate(self) -> float:
        """The mean."""
        return pooled_ratio(self)

    @property
    def ratio(self) -> tuple[Values, Counts]:
        """The scores and ones `[utterances]`."""
        return self.values, np.ones(len(self.values), np.int64)


def pooled_ratio(measured: Measured) -> float:
    """The sum of numerators over the sum of denominators."""
    above, below = measured.ratio
    return float(above.sum()) / max(1, int(below.sum()))


def difference(mine: Measured, base: Measured, *, draws: int = 2000, seed: int = 0) -> dict[str, float]:
    """mine - base with a 95 % interval, by a paired bootstrap over utterances (Bisani and Ney 2004)."""
    deltas = _resampled(mine, draws, seed) - _resampled(base, draws, seed)
    return {"difference": mine.rate - base.rate, **_bounds(deltas)}


def interval(measured: Measured, *, draws: int = 2000, seed: int = 0) -> dict[str, float]:
    """A pooled value with a 95 % interval, by a bootstrap over utterances."""
    return {"rate": measured.rate, **_bounds(_resampled(measured, draws, seed))}


def _resampled(measured: Measured, draws: int, seed: int) -> Values:
    """The pooled values of `draws` samples of utterances; only the seed and the number of utterances choose these."""
    above, below = measured.ratio
    picks = np.random.default_rng(seed).integers(0, len(above), (draws, len(above)))
    return np.asarray(above[picks].sum(1) / np.maximum(1, below[picks].sum(1)))


def _bounds(values: Values) -> dict[str, float]:
    ordered, draws = np.sort(values), len(values)
    return {"low": float(ordered[int(0.025 * draws)]), "high": float(ordered[int(0.975 * draws) - 1])}


def pooled(rates: Sequence[ErrorRate]) -> ErrorRate:
    """Add up the errors of each utterance."""
    return ErrorRate(np.sum([rate.counts for rate in rates], axis=0))


def capped(errors: ErrorRate) -> ErrorRate:
    """Limit errors to the number of symbols in each utterance; insertions could make an accuracy negative."""
    wrong = np.minimum(errors.counts[:, :3].sum(1), errors.counts[:, 3])
    return ErrorRate(np.stack((wrong, 0 * wrong, 0 * wrong, errors.counts[:, 3]), axis=1))


def mistakes(rows: Iterable[Sequence[bool]]) -> ErrorRate:
    """Error rates from lists of what is right in each item."""
    return ErrorRate(np.array([(len(row) - sum(row), 0, 0, len(row)) for row in rows], np.int64).reshape(-1, 4))


def mismatches(guesses: Sequence[object], labels: Sequence[object]) -> ErrorRate:
    """One symbol per item, wrong if the label differs."""
    return mistakes([a == b] for a, b in zip(guesses, labels, strict=True))


def accuracy(errors: ErrorRate) -> dict[str, float]:
    """The fraction without errors as `share`, with a 95 % interval."""
    wrong = interval(errors)
    return {"share": 1 - wrong["rate"], "low": 1 - wrong["high"], "high": 1 - wrong["low"]}


def accuracies(rows: Sequence[Mapping[str, Sequence[bool]]]) -> dict[str, Any]:
    """Accuracy by attribute over the rows that have it, and over `all` attributes with a 95 % interval."""
    names = sorted({name for row in rows for name in row})
    errors = {name: mistakes(row.get(name, ()) for row in rows) for name in names}
    return {name: 1 - each.rate for name, each in errors.items()} | {"all": accuracy(pooled(list(errors.values())))}
