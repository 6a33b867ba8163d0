"""The bundled text tokenizer: any text comes back exactly, and English from few codes."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_vqvae.text_patches import OF_UTF8
from mmzoo_vqvae.text_tokenizer import SCRIPTS

import mmzoo


@cache
def tokenizer() -> Any:
    return mmzoo.create("vqvae-words")


def test_every_byte_of_a_text_has_codes() -> None:
    assert {bytes([byte]) for byte in OF_UTF8} <= set(tokenizer()._table())


@pytest.mark.parametrize(
    "text", [*SCRIPTS, "The quick brown fox jumps over the lazy dog.", "Is it 10:45 already? No!", "a"]
)
def test_texts_come_back(text: str) -> None:
    assert tokenizer().reconstruct(tokenizer().tokenize(text)) == text


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60))
def test_any_text_comes_back(text: str) -> None:
    assert tokenizer().reconstruct(tokenizer().tokenize(text)) == text


def test_sentences_take_few_codes() -> None:
    sentence = "The old teacher would not wait for the train."
    codes = tokenizer().tokenize(sentence)
    assert codes.shape[1] * tokenizer().quantizer.bits_per_step <= 3.5 * len(sentence)
