"""The one table between the recogniser's phones and ours."""

from __future__ import annotations

import shutil

import pytest
from mmzoo_datasets.lexicon import pronounce
from mmzoo_datasets.phone_map import ARPABET, SILENCES, TABLE, to_flite
from mmzoo_datasets.text.vocabulary import load_vocabulary

from mmzoo.errors import DataError

_SOUNDS = "aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
FLITE = {*_SOUNDS.split(), "pau"}


def test_the_table_covers_both_sets() -> None:
    assert len(ARPABET) == 39
    assert set(TABLE.values()) | {"ax"} == FLITE
    assert all(TABLE[silence] == "pau" for silence in SILENCES)
    used = {p for found in load_vocabulary().pronunciations.values() for phones in found for p in phones}
    assert used == set(ARPABET)


@pytest.mark.parametrize(
    ("word", "phones", "expected"),
    [
        ("the", "DH AH", "dh ax"), ("cup", "K AH P", "k ah p"), ("about", "AH B AW T", "ax b aw t"),
        ("number", "N AH M B ER", "n ah m b er"), ("another", "AH N AH DH ER", "ax n ah dh er"),
        ("banana", "B AH N AE N AH", "b ax n ae n ax"), ("money", "M AH N IY", "m ah n iy"),
        ("country", "K AH N T R IY", "k ah n t r iy"), ("someone", "S AH M W AH N", "s ah m w ah n"),
        ("construction", "K AH N S T R AH K SH AH N", "k ax n s t r ah k sh ax n"), ("sofa", "S OW F AH", "s ow f ax"),
        ("under", "AH N D ER", "ah n d er"), ("butter's", "B AH T ER Z", "b ah t er z"),
    ],
)  # fmt: skip
def test_the_reduced_vowel_is_told_by_the_word(word: str, phones: str, expected: str) -> None:
    assert to_flite(phones.split(), word) == expected.split()


def test_an_unknown_phone_is_named() -> None:
    with pytest.raises(DataError, match="'Q1'"):
        to_flite(["K", "Q1"], "word")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_it_agrees_with_flites_own_lexicon() -> None:
    vocabulary = load_vocabulary()
    words = [w for w in list(vocabulary.words)[300:1500] if w.isalpha() and len(w) > 2]
    vowels = right = 0
    for start in range(0, len(words), 60):
        some = words[start : start + 60]
        for word, phones in zip(some, pronounce(some), strict=True):
            mapped = to_flite(vocabulary.pronunciations[word][0], word)
            if len(mapped) == len(phones):
                pairs = [(a, b) for a, b in zip(mapped, phones, strict=True) if a in ("ah", "ax") and b in ("ah", "ax")]
                vowels += len(pairs)
                right += sum(a == b for a, b in pairs)
    print(f"{right} of {vowels} reduced or full vowels as in flite")
    assert vowels > 300
    assert right / vowels > 0.94
