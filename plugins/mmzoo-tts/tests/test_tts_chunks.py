"""Chunks: never longer than what the model was trained on, and nothing of the text is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.chunks import MAX_PHONES, split_chunks
from mmzoo_tts.inventory import PAUSE
from mmzoo_tts.text.pronunciation import Phrase, Pronunciation, Word

lengths = st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=6), min_size=1, max_size=6)


def pronounced(phrases):
    words = [[Word(f"w{i}", f"w{i}", ("ah",) * n, "spelled") for i, n in enumerate(phrase)] for phrase in phrases]
    return Pronunciation(tuple(Phrase(tuple(phrase), ",") for phrase in words), ())


@settings(max_examples=60, deadline=None)
@given(lengths)
def test_no_chunk_is_too_long_and_no_phone_is_lost(phrases):
    chunks = split_chunks(pronounced(phrases))
    said = [p for chunk in chunks for p in chunk.phones if p != PAUSE]
    assert len(said) == sum(map(sum, phrases))
    assert all(sum(p != PAUSE for p in chunk.phones) <= MAX_PHONES for chunk in chunks)
    for chunk in chunks:
        assert chunk.phones[0] == chunk.phones[-1] == PAUSE
        assert all(PAUSE not in chunk.phones[first:last] for _, first, last in chunk.words)


def test_a_word_of_thousands_of_letters_is_cut_and_bears_its_text_once():
    chunks = split_chunks(pronounced([[9 * MAX_PHONES + 1]]))
    assert len(chunks) == 10
    assert [text for chunk in chunks for text, _, _ in chunk.words if text] == ["w0"]


def test_words_begin_and_phrases_end_with_marks():
    def word(text, *phones):
        return Word(text, text, phones, "lexicon")

    phrases = (Phrase((word("is", "ih", "z"), word("it", "ih", "t")), "?"), Phrase((word("yes", "y", "eh", "s"),), "."))
    first, second = split_chunks(Pronunciation(phrases))
    assert first.marked == ("pau", "_ih", "z", "_ih", "t", "pau?")
    assert second.marked == ("pau", "_y", "eh", "s", "pau.")
    assert first.phones == ("pau", "ih", "z", "ih", "t", "pau")
