"""From probabilities of phones to phones with times, and to utterances."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.speech_to_speech.decoding import KEPT_S, LONGEST_S, Span, decoded, utterances

RATE = 50.0


def scores_of(path: list[int], phones: int, certainty: float = 5.0) -> Any:
    scores = np.full((len(path), phones), -certainty, np.float32)
    scores[np.arange(len(path)), path] = -0.1
    return scores


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_best_of_all_sequences_is_found(seed: int) -> None:
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=(5, 3)).astype(np.float32)
    following = chance.normal(size=(3, 3)).astype(np.float32)

    def worth(path: tuple[int, ...]) -> float:
        changes = sum(following[a, b] - 0.5 for a, b in itertools.pairwise(path) if a != b)
        return float(sum(scores[n, phone] for n, phone in enumerate(path)) + changes)

    best = max(itertools.product(range(3), repeat=5), key=worth)
    found = [span.phone for span in decoded(scores, following, 0.5) for _ in range(span.start, span.end)]
    assert worth(tuple(found)) == pytest.approx(worth(best), abs=1e-4)


def test_a_cost_of_change_removes_what_is_too_short() -> None:
    scores = scores_of([0] * 5 + [1] + [0] * 5 + [2] * 6, 3, certainty=2.0)
    following = np.zeros((3, 3), np.float32)
    assert [span.phone for span in decoded(scores, following, 0.0)] == [0, 1, 0, 2]
    assert decoded(scores, following, 3.0) == [Span(0, 0, 11), Span(2, 11, 17)]


def test_what_follows_often_is_preferred() -> None:
    scores = np.log(np.array([[0.9, 0.05, 0.05]] * 3 + [[0.02, 0.5, 0.48]] * 3, np.float32))
    following = np.log(np.array([[0.1, 0.1, 0.8], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]], np.float32))
    assert [span.phone for span in decoded(scores, np.zeros_like(following), 0.0)] == [0, 1]
    assert [span.phone for span in decoded(scores, following, 0.0)] == [0, 2]


def spans_of(*lengths: tuple[int, float]) -> list[Span]:
    """Spans of these phones and seconds."""
    ends = list(itertools.accumulate(round(seconds * RATE) for _, seconds in lengths))
    return [Span(phone, a, b) for (phone, _), a, b in zip(lengths, [0, *ends], ends, strict=False)]


def test_long_pauses_end_utterances_and_short_ones_do_not() -> None:
    spans = spans_of((0, 1.0), (3, 0.2), (0, 0.1), (4, 0.2), (0, 2.0), (5, 0.2))
    first, second = utterances(spans, frozenset({0, 1}), RATE)
    kept = round(KEPT_S * RATE)
    assert [span.phone for span in first] == [0, 3, 0, 4, 0] and [span.phone for span in second] == [0, 5]
    assert first[0] == Span(0, 50 - kept, 50) and first[-1].end - first[-1].start == kept
    assert second[0] == Span(0, second[1].start - kept, second[1].start)


def test_silence_has_no_utterances() -> None:
    assert not list(utterances(spans_of((0, 30.0)), frozenset({0}), RATE))
    assert not list(utterances(spans_of((0, 0.2), (1, 0.2)), frozenset({0, 1}), RATE))


def test_long_speech_is_cut_after_its_last_short_pause() -> None:
    spans = spans_of((3, 4.0), (0, 0.2), (4, 3.0), (0, 0.2), (3, 4.0), (4, 5.0), (3, 4.0))
    found = list(utterances(spans, frozenset({0}), RATE))
    assert [[span.phone for span in one] for one in found] == [[3, 0, 4, 0], [3, 4], [3]]


def test_a_phone_without_end_is_repeated() -> None:
    found = list(utterances(spans_of((0, 0.2), (5, 25.0)), frozenset({0}), RATE))
    assert sum(span.end - span.start for one in found for span in one if span.phone == 5) == 25 * RATE
    assert max(span.end - span.start for one in found for span in one) <= LONGEST_S * RATE


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.02, 3.0) | st.floats(0.02, 30.0)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_utterances_are_in_order_and_lose_no_sound(lengths: list[tuple[int, float]]) -> None:
    runs = [next(some) for _, some in itertools.groupby(lengths, key=lambda one: one[0])]
    spans, pauses = spans_of(*runs), frozenset({0, 1})
    found = list(utterances(spans, pauses, RATE))
    flat = [span for one in found for span in one]
    assert all(a.end <= b.start for a, b in itertools.pairwise(flat))
    assert all(a.end == b.start for one in found for a, b in itertools.pairwise(one)), "each is without gaps"
    assert places(flat, pauses) == places(spans, pauses)
    assert all(one[-1].end - one[0].start <= LONGEST_S * RATE for one in found)
    assert all(places(one, pauses) for one in found)


def places(spans: list[Span], pauses: frozenset[int]) -> list[tuple[int, int]]:
    """The latents with a sound, each with its phone."""
    return [(n, span.phone) for span in spans if span.phone not in pauses for n in range(span.start, span.end)]
