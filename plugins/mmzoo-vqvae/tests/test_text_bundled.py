"""The bundled text tokenizer: English sentences come back exactly, from few codes; other texts lose some signs."""

from __future__ import annotations

import string
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmzoo
from mmzoo.evaluation.words import ErrorRate

SINGLE = string.ascii_letters + string.digits + " .,:;!?'\""
"""Characters that come back by themselves, so that any text of them is exact."""


@cache
def tokenizer() -> Any:
    return mmzoo.create("vqvae-words")


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog.",
        "Is it 10:45 already? No!",
        "a",
        'Zoe paid 3,50 euros, "twice"; why?',
    ],
)
def test_texts_come_back(text: str) -> None:
    assert tokenizer().reconstruct(tokenizer().tokenize(text)) == text


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet=SINGLE, min_size=1, max_size=60))
def test_any_text_of_ordinary_characters_comes_back(text: str) -> None:
    assert tokenizer().reconstruct(tokenizer().tokenize(text)) == text


def test_sentences_take_few_codes() -> None:
    sentence = "The old teacher would not wait for the train."
    codes = tokenizer().tokenize(sentence)
    assert codes.shape[1] * tokenizer().quantizer.bits_per_step <= 3.5 * len(sentence)


def test_other_texts_lose_only_what_has_no_code() -> None:
    named, *strange = ["Zoë paid 3,50 euros.", "Привет, мир", "日本語のテキスト", "ﬂ \u200b ∑ 🦊"]
    copy = tokenizer().reconstruct(tokenizer().tokenize(named))
    assert ErrorRate.of([named], [copy]).rate <= 0.1
    assert copy.startswith("Zo") and copy.endswith(" paid 3,50 euros.")
    for text in strange:
        codes = tokenizer().tokenize(text)
        assert codes.shape[1] <= len(text.encode()) and isinstance(tokenizer().reconstruct(codes), str)
