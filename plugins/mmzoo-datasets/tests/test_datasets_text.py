"""The grammar and the texts made of it: well formed, deterministic, and nothing held out leaks into training."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import mmzoo_datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_datasets.text import documents
from mmzoo_datasets.text import heldout as generator
from mmzoo_datasets.text.corpus import CARRIERS, Overlap, banned_words, related, training_sentences
from mmzoo_datasets.text.everyday import TEMPLATES, everyday
from mmzoo_datasets.text.grammar import OWN_WORDS, Deck, Writer, alternatives, spoken_words
from mmzoo_datasets.text.numbers import NUMBERS, in_words, ordinal_in_words
from mmzoo_datasets.text.rules import RULES
from mmzoo_datasets.text.vocabulary import load_vocabulary, plain

HELDOUT = mmzoo_datasets.heldout()
UNSEEN = [entry["word"] for entry in HELDOUT["unseen"]]


def train(count: int, seed: int = 0) -> list[str]:
    return training_sentences(load_vocabulary(), count, seed, avoid=HELDOUT["test"], unseen=UNSEEN)


def test_every_symbol_slot_and_number_in_the_rules_exists() -> None:
    used: set[str] = set()
    for symbol in RULES:
        for body in alternatives(symbol)[0]:
            assert body, symbol
            for token in body:
                if token.startswith("<"):
                    assert token[1:-1] in RULES
                    used.add(token[1:-1])
                elif token.startswith("["):
                    assert token[1:-1] in OWN_WORDS or token == "[other]"
                elif token.startswith("{"):
                    assert token[1:-1] in NUMBERS
    assert set(RULES) - used == {"SENTENCE", "PLAIN"}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), figures=st.sampled_from([0.0, 0.5, 1.0]))
def test_sentences_are_well_formed(seed: int, figures: float) -> None:
    writer = Writer(load_vocabulary(), Random(seed), share=0.4, names=0.3, figures=figures, banned=frozenset({"the"}))
    for _ in range(5):
        text = writer.sentence()
        assert text[0].isupper() or text[0].isdigit() or text[0] == "$", text
        assert text[-1] in ".?!" and text.isascii(), text
        bare = re.sub(r"\b([ap])\.m\.", r"\1m", text)
        assert not re.search(r"[\[\]{}<>|*]|\s\s|\s[.,;:?!]|[.,;:?!]{2}", bare), text
        assert figures > 0 or not re.search(r"\d", text), text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hour", True),
        ("apple", True),
        ("unicorn", False),
        ("house", False),
        ("one", False),
        ("zzyzx", False),
        ("eeek", True),
    ],
)
def test_an_goes_before_a_vowel_sound(word: str, expected: bool) -> None:
    assert load_vocabulary().starts_with_vowel(word) is expected


@given(st.integers(0, 999_999))
def test_numbers_in_words_can_be_read_back(number: int) -> None:
    values = {in_words(n): n for n in [*range(20), *range(20, 100, 10)]}
    total = part = 0
    for word in in_words(number).split():
        if word == "thousand":
            total, part = part * 1000, 0
        elif word == "hundred":
            part *= 100
        else:
            part += values[word]
    assert total + part == number


@pytest.mark.parametrize(("number", "text"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (31, "thirty first")])
def test_ordinals(number: int, text: str) -> None:
    assert ordinal_in_words(number) == text


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        in_words(number)


def test_a_deck_deals_every_card_once_before_any_again() -> None:
    deck = Deck([f"w{i}" for i in range(50)], Random(0))
    dealt = []
    for _ in range(50):
        card = deck.draw(4)[0]
        deck.take(card)
        dealt.append(card)
    assert len(set(dealt)) >= 45


def test_training_texts_are_the_same_every_time_and_other_for_another_seed() -> None:
    assert train(60) == train(60)
    assert train(60)[:30] == train(30)
    assert not set(train(60)) & set(train(60, seed=1)) - {"Yes.", "No."}


@pytest.mark.parametrize("count", [100, pytest.param(1500, marks=pytest.mark.slow)])
def test_training_texts_contain_nothing_held_out(count: int) -> None:
    texts = train(count)
    found = {word for text in texts for word in spoken_words(text)}
    assert not found & set(UNSEEN)
    suspects = found & banned_words(UNSEEN, load_vocabulary())
    assert not any(related(word, unseen) for unseen in UNSEEN for word in suspects)
    assert len(set(texts)) == count and not set(texts) & set(HELDOUT["test"])
    overlap = Overlap(HELDOUT["test"])
    assert not any(overlap.near(text) for text in texts)


@pytest.mark.slow
def test_training_texts_vary() -> None:
    texts = train(1500)
    found = {word for text in texts for word in spoken_words(text)}
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) == 1 and max(lengths) > 20 and max(lengths) <= 25
    assert 7.5 < sum(lengths) / len(lengths) < 10
    assert len(found) > 3000
    assert 0.02 < sum(bool(re.search(r"\d", text)) for text in texts) / 1500 < 0.12
    assert 0.03 < sum(length <= 2 for length in lengths) / 1500 < 0.1
    assert sum(text.endswith("?") for text in texts) > 100


def test_overlap_sees_near_copies() -> None:
    overlap = Overlap(["The old farmer sold a brown horse yesterday."])
    assert overlap.near("The old farmer sold a brown horse today.")
    assert not overlap.near("The old farmer bought a brown house today.")
    assert not overlap.near("Yes.")


def test_the_held_out_lists_are_what_they_claim() -> None:
    vocabulary = load_vocabulary()
    tests = HELDOUT["test"]
    assert len(tests) == len(set(tests)) == 600
    for text in tests:
        words = spoken_words(text)
        assert 4 <= len(words) == len(text.split()) <= 16, text
        assert not re.search(r"\d|\b(Mr|Mrs)\b", text) and all(word in vocabulary.words for word in words), text
    assert len(UNSEEN) == len(set(UNSEEN)) == 250
    in_tests = {word for text in tests for word in spoken_words(text)}
    banned = banned_words(UNSEEN, vocabulary)
    assert not in_tests & banned
    for number, entry in enumerate(HELDOUT["unseen"]):
        word = entry["word"]
        assert entry["text"] == CARRIERS[number % len(CARRIERS)].format(word)
        assert plain(word) and word in vocabulary.words and 2 <= vocabulary.syllables(word) <= 4


def test_unwritten_words_are_in_no_document_and_in_no_everyday_sentence() -> None:
    entries = HELDOUT["unwritten"]
    chosen = {entry["word"] for entry in entries}
    assert len(entries) == len(chosen) == 250
    assert all(entry["text"] == CARRIERS[i % len(CARRIERS)].format(entry["word"]) for i, entry in enumerate(entries))
    assert not chosen & {word for seed in range(500) for word in spoken_words(everyday(Random(seed)))}
    if not all((folder / name).is_file() for folder, names in documents.TRAINING.items() for name in names):
        pytest.skip("the documents are not installed")
    written = {word for text in documents.sentences(documents.TRAINING) for word in re.findall("[a-z]+", text.lower())}
    assert not chosen & written


def test_the_questions_are_answered_by_yes_or_no_and_in_no_training_text() -> None:
    asked = HELDOUT["questions"]
    assert len(asked) == len(set(asked)) >= 40 and all(text.endswith("?") and text.isascii() for text in asked)
    openings = "Is Are Was Were Do Does Did Have Has Can Could Will Would Should May".split()
    assert all(text.split()[0] in openings for text in asked)
    assert not set(asked) & {*TEMPLATES, *train(200)}


@pytest.mark.slow
@pytest.mark.skipif(not (documents.WORDNET / "data.noun").is_file(), reason="the documents are not installed")
def test_the_held_out_file_is_what_its_generator_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = json.loads(generator.TARGET.read_text(encoding="utf-8"))
    monkeypatch.setattr(generator, "TARGET", tmp_path / "heldout.json")
    generator.main()
    assert json.loads((tmp_path / "heldout.json").read_text(encoding="utf-8")) == shipped


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("carve", "carving", True),
        ("happy", "happier", True),
        ("tiny", "tinier", False),
        ("hollow", "hollows", True),
        ("cat", "cats", False),
        ("hollow", "holiday", False),
    ],
)
def test_related_words(one: str, other: str, expected: bool) -> None:
    assert related(one, other) is expected and related(other, one) is expected
