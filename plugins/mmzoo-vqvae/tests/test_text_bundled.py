"""The bundled text tokenizer: sentences come back, other scripts mostly."""

from __future__ import annotations

import mmzoo
from mmzoo.evaluation.words import ErrorRate


def test_texts_come_back():
    tokenizer = mmzoo.create("vqvae-text")
    plain = [
        "The quick brown fox jumps over the lazy dog.",
        "Is it 10:45 already? No!",
        "a",
        "Zoë paid 3,50 euros (twice).",
    ]
    strange = ["Привет, мир", "日本語のテキスト", "ﬂ \u200b ∑ 🦊"]
    copies = {text: tokenizer.reconstruct(tokenizer.tokenize(text)) for text in plain + strange}
    assert [copies[text] for text in plain] == plain
    assert ErrorRate.of(strange, [copies[text] for text in strange]).rate < 0.2
