"""Cutting texts into sentences."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.text import split_sentences

from mmzoo.errors import InputError


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met Mr. Brown. They left.", ["Dr. Smith met Mr. Brown.", "They left."]),
        ("He lives on Main St. She does not.", ["He lives on Main St.", "She does not."]),
        ('"Go!" he said. "Now?" Yes.', ['"Go!" he said.', '"Now?"', "Yes."]),
        ("She asked why! Why?", ["She asked why!", "Why?"]),
        ("Wait... what is it? J. Smith knows.", ["Wait... what is it?", "J. Smith knows."]),
        ("It is 3.5 km. Go.", ["It is 3.5 km.", "Go."]),
        ("A title\n\nA text.", ["A title", "A text."]),
        ("Say e.g. this, etc. and that.", ["Say e.g. this, etc. and that."]),
        ("", []),
        ("  ", []),
    ],
)
def test_cases(text: str, sentences: list[str]):
    assert split_sentences(text) == sentences


def test_long_sentences_are_cut_at_clauses_then_words_then_anywhere():
    pieces = split_sentences("alpha beta gamma, delta epsilon zeta eta theta iota, kappa lambda mu", 30)
    assert pieces == ["alpha beta gamma,", "delta epsilon zeta eta theta", "iota, kappa lambda mu"]
    assert [len(piece) for piece in split_sentences("x" * 100, 40)] == [40, 40, 20]


def test_a_silly_limit_is_refused():
    with pytest.raises(InputError, match=r"max_characters.*\b5\b"):
        split_sentences("hello", 5)


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet="aB .,!?\n-'\"1é日", max_size=300), st.integers(20, 60))
def test_nothing_is_lost(text: str, limit: int):
    pieces = split_sentences(text, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= limit for piece in pieces)


@pytest.mark.parametrize("unit", ["A sentence of words. ", "a. ", ". ", "\n\n", "word ", "x", "a, ", '." '])
def test_long_texts_are_fast(unit: str):
    text = unit * (20_000 // len(unit))
    started = time.process_time()
    split_sentences(text)
    assert time.process_time() - started < 2.0
