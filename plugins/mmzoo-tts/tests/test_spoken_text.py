"""Written text and the words that a careful reader says, by kind, with the bundled lexicon."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.text import Spoken, clean_text, normalize
from mmzoo_tts.text.acronyms import EMPHASIZED, LOWER_CASE, NAMES, ORDINARY, READ, SPELLED

import mmzoo
from benchmarks.spoken_text import cases, said
from mmzoo.errors import InputError

CASES = cases()
KINDS = list(dict.fromkeys(case.kind for case in CASES))
# A size in two units, a letter that is an article elsewhere.
KNOWN_WRONG = {"a 16 GB/512 GB laptop", "At age 3, A is for apple."}


@pytest.fixture(scope="module")
def phonemizer() -> Any:
    return mmzoo.create("phonemizer-en")


def test_each_case_stands_once_and_each_kind_has_ten():
    assert len(CASES) >= 400
    assert [written for written, count in Counter(case.written for case in CASES).items() if count > 1] == []
    assert min(Counter(case.kind for case in CASES).values()) >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_spoken(kind: str, phonemizer: Any):
    read = {case.written: (said(case.written, phonemizer), case.spoken) for case in CASES if case.kind == kind}
    wrong = {written: pair for written, pair in read.items() if pair[0] not in pair[1]}
    assert {written: pair for written, pair in wrong.items() if written not in KNOWN_WRONG} == {}
    assert read.keys() & KNOWN_WRONG == wrong.keys() & KNOWN_WRONG  # a case that is right now leaves the list


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("IT", "ay t iy"),
        ("it", "ih t"),
        ("the US", "dh ax y uw eh s"),
        ("tell us", "t eh l ah s"),
        ("GitHub", "g ih t hh ah b"),
        ("eBay", "iy b ey"),
        ("A380", "ey th r iy ey t iy"),
        ("AT&T", "ey t iy ae n d t iy"),
        ("CEOs", "s iy iy ow z"),
        ("5 kV", "f ay v k ih l ax v ow l t s"),
        ("5 mA", "f ay v m ih l ax ae m p s"),
    ],
)
def test_phones(text: str, phones: str, phonemizer: Any):
    assert " ".join(phonemizer(text).phones) == f"pau {phones} pau"


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("We met in the U.S. It was late.", ".."),
        ("He has a Ph.D. in math.", "."),
        ("It is 500 sq. ft. large.", "."),
        ("It ends at 10.45 p.m. We left.", ".."),
        ("I use C# and .NET daily.", "."),
        ("Call 555-0199, please.", ",,."),
        ("well—5 of them", "-."),
    ],
)
def test_phrases(text: str, marks: str, phonemizer: Any):
    items = normalize(text, phonemizer).items
    assert "".join(item.mark for item in items if not isinstance(item, Spoken)) == marks


# --- the table of acronyms --------------------------------------------------------------------------------


def test_the_table_of_acronyms_is_large_and_consistent():
    assert len(SPELLED) + len(READ) + len(NAMES) >= 150
    assert not SPELLED & READ
    assert not (SPELLED | READ) & NAMES.keys()
    assert EMPHASIZED <= ORDINARY <= SPELLED


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("we like the {} here", "we like the {} here"),
        ("we like the {}s here", "we like the {}'s here"),
        ("we like the {}'s here", "we like the {}'s here"),
        ("the {}-led plan", "the {} led plan"),
        ("the {}, the cat", "the {} the cat"),
    ],
)
def test_acronyms_are_spelled_or_read_in_a_sentence(written: str, spoken: str, phonemizer: Any):
    wanted = {name: " ".join("A" if letter == "A" else letter.lower() for letter in name) for name in SPELLED}
    wanted |= {name: name.lower() for name in READ if "}s " not in written}
    said_by_name = {name: said(written.format(name), phonemizer) for name in wanted}
    assert said_by_name == {name: spoken.format(words) for name, words in wanted.items()}


def test_acronyms_in_lower_case_are_words_unless_no_word_is_written_so(phonemizer: Any):
    lower = sorted({name.lower() for name in SPELLED | READ} - LOWER_CASE)
    assert {"it", "us", "id", "am", "who", "or"} <= set(lower)
    assert said(" ".join(lower), phonemizer).split() == lower
    assert {name.upper() for name in LOWER_CASE if name[-1] != "s"} <= SPELLED


def test_words_in_a_sentence_in_capitals_are_no_acronyms(phonemizer: Any):
    for name in ORDINARY:
        assert said(f"STOP {name} NOW", phonemizer) == f"stop {name.lower()} now"


# --- any text ---------------------------------------------------------------------------------------------

# Words that the text rules change on purpose, such as "vs" and "etc".
CHANGED = LOWER_CASE | {
    "vs",
    "etc",
    "approx",
    "dept",
    "govt",
    "ltd",
    "inc",
    "jr",
    "blvd",
    "km",
    "kg",
    "cm",
    "mm",
    "sq",
    "cu",
}


@pytest.fixture(scope="module")
def ordinary_words(phonemizer: Any) -> list[str]:
    return sorted(w for w in phonemizer.lexicon if len(w) > 1 and "'" not in w and w not in CHANGED)


@settings(deadline=None, max_examples=200)
@given(numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=25))
def test_plain_sentences_pass_untouched(numbers: list[int], ordinary_words: list[str], phonemizer: Any):
    words = [ordinary_words[number % len(ordinary_words)] for number in numbers]
    assert said(" ".join(words), phonemizer) == " ".join(words)


def test_words_of_the_lexicon_pass_untouched(ordinary_words: list[str], phonemizer: Any):
    words = ordinary_words[::11]
    assert len(words) > 10_000
    assert said(" ".join(words), phonemizer).split() == words


PIECES = st.sampled_from([case.written for case in CASES])
SIGNS = "abzAEIVX'.-,0159/:$%& é日😀\n\"()@#_^²³⁶µΩ°º−–—€£¥+*×=~<>|\\{}e\u2009\u00a0"
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=SIGNS, max_size=60),
    st.lists(PIECES, min_size=1, max_size=5).map(" ".join),
    st.lists(PIECES, min_size=1, max_size=5).map("".join),
)


@settings(deadline=None, max_examples=200)
@given(text=TEXTS)
def test_no_letter_or_digit_is_lost(text: str, phonemizer: Any):
    try:
        normal = normalize(text, phonemizer)
    except InputError:
        return
    said = iter("".join(item.written for item in normal.items if isinstance(item, Spoken)))
    assert all(any(c == s for s in said) for c in clean_text(text).text if c.isalnum())
    assert all(
        item.word and item.word.strip("abcdefghijklmnopqrstuvwxyz'") == ""
        for item in normal.items
        if isinstance(item, Spoken)
    )


@settings(deadline=None, max_examples=150)
@given(text=TEXTS)
def test_spoken_words_are_read_as_they_are(text: str, phonemizer: Any):
    """Normalizing is idempotent: spoken words, other than names of letters, are words."""
    try:
        items = normalize(text, phonemizer).items
    except InputError:
        return
    words = [item.word for item in items if isinstance(item, Spoken) and not item.letter and len(item.word) > 1]
    words = [word for word in words if word not in CHANGED and not word.startswith("'")]
    if words:
        assert said(" ".join(words), phonemizer).split() == words
