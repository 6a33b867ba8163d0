"""Marks on phones: put on, taken off, and found again after alignment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmzoo
from mmzoo.data.marks import bare, begun, remarked


@pytest.mark.parametrize(
    ("marked", "plain"), [("_dh", "dh"), ("dh", "dh"), ("pau?", "pau"), ("pau", "pau"), ("_", "_"), (",", ",")]
)
def test_bare(marked, plain):
    assert bare(marked) == plain


@given(st.lists(st.sampled_from(["_a", "b", "pau?", "pau,", "pau"]), max_size=12), st.data())
def test_marks_survive_more_pauses_between_words(marked, data):
    phones, expected = [], []
    for phone in marked:
        if bare(phone) != "pau" and data.draw(st.booleans()) and (not phones or phones[-1] != "pau"):
            phones.append("pau")
            expected.append("pau")
        phones.append(bare(phone))
        expected.append(phone)
    assert list(remarked(phones, marked)) == expected


def test_a_missing_phone_is_told():
    assert begun(("dh", "ax")) == ("_dh", "ax")
    with pytest.raises(ValueError, match="'_dh'"):
        list(remarked(["ax", "pau"], ["_dh", "ax"]))


@pytest.mark.parametrize(
    "text", ["Is it far?", "Well, I paid $3.50; you didn't!", "NASA's 2nd try - in 1998 - failed: why?"]
)
def test_a_corpus_has_the_marks_that_a_synthesizer_reads(text):
    from mmzoo_datasets.learned_times import words_of
    from mmzoo_tts.chunks import split_chunks

    (chunk,) = split_chunks(mmzoo.create("phonemizer-en")(text))
    assert [phone for word in words_of(text, "phonemizer-en") for phone in word] == list(chunk.marked)
