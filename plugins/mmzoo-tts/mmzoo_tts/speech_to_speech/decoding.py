"""From the probabilities of phones at each latent to a sequence of phones with times, cut into utterances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]

LONGEST_S = 10.0
"""Of an utterance; a longer one is cut after its last pause before that, or inside a sentence if it has none."""
PAUSE_S = 0.4
"""A longer pause ends an utterance."""
KEPT_S = 0.15
"""Seconds of a pause that belong to the utterances around it; the rest is silence."""


class Span(NamedTuple):
    """A phone, from the latent `start` to before the latent `end`."""

    phone: int
    start: int
    end: int


def decoded(scores_NP: Array, following_PP: Array, switch_cost: float) -> list[Span]:
    """The best sequence of phones by the Viterbi algorithm.

    Args:
        scores_NP: Log-probability of each phone at each latent.
        following_PP: Score of each phone (column) after another (row).
        switch_cost: What a change of phones costs.
    """
    count, phones = scores_NP.shape
    step = (following_PP - switch_cost).astype(np.float32)
    np.fill_diagonal(step, 0.0)
    back = np.empty((count, phones), np.int16)
    best, every = scores_NP[0].copy(), np.arange(phones)
    for n in range(1, count):
        total = best[:, None] + step
        back[n] = total.argmax(0)
        best = total[back[n], every] + scores_NP[n]
    path = np.empty(count, np.int64)
    path[-1] = best.argmax()
    for n in range(count - 1, 0, -1):
        path[n - 1] = back[n, path[n]]
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), count]
    return [Span(int(path[a]), a, b) for a, b in pairwise(edges)]


def utterances(spans: Sequence[Span], pauses: frozenset[int], rate: float) -> Iterator[list[Span]]:
    """The sounds between long pauses, each with a little of the pauses around it; of silence, nothing.

    Args:
        spans: All phones in order.
        pauses: The phones that are pauses.
        rate: Latents per second.
    """
    kept, long, longest = round(KEPT_S * rate), PAUSE_S * rate, round(LONGEST_S * rate)
    current: list[Span] = []
    for span in (part for one in spans for part in _parts(one, longest)):
        if span.phone in pauses and span.end - span.start > long:
            first = span.start + kept
            yield from _short([*current, span._replace(end=first)], pauses, longest)
            current = [span._replace(start=max(first, span.end - kept))]
        else:
            current.append(span)
    yield from _short(current, pauses, longest)


def _parts(span: Span, longest: int) -> Iterator[Span]:
    """The phone, repeated if it is longer than `longest` latents."""
    for start in range(span.start, span.end, longest):
        yield Span(span.phone, start, min(span.end, start + longest))


def _short(spans: list[Span], pauses: frozenset[int], longest: int) -> Iterator[list[Span]]:
    """Parts of at most `longest` latents, cut after the last pause that fits, else after the last phone."""
    while spans:
        fit = max(1, sum(span.end - spans[0].start <= longest for span in spans))
        if fit < len(spans):
            fit = next((n for n in range(fit, 1, -1) if spans[n - 1].phone in pauses), fit)
        if any(span.phone not in pauses for span in spans[:fit]):
            yield spans[:fit]
        spans = spans[fit:]
