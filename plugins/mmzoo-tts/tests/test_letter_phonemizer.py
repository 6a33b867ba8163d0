"""The phonemizer for any alphabet: words, marks, what is left out, and what it learns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_tts import evaluate
from mmzoo_tts.letter_phonemizer import LetterPhonemizer
from mmzoo_tts.runner import LetterPhonemes
from mmzoo_tts.text import PHONES

import mmzoo
from mmzoo.composition import save_model
from mmzoo.data import DataGuess
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.evaluation.heldout import HeldOut
from mmzoo.interfaces import Exported, Graph

LETTERS, SOUNDS = "акотё", ["pau", "a", "k", "oo", "t", "jo"]


@pytest.fixture
def phonemizer() -> LetterPhonemizer:
    torch.manual_seed(0)
    model = LetterPhonemizer(letters=LETTERS, phones=SOUNDS, width=16, depth=1).eval()
    model.set_lexicon({"кот": "k oo t", "так": "t a k", "а": "a"})
    return model


def test_a_text_becomes_words_and_phrases(phonemizer: LetterPhonemizer) -> None:
    said = phonemizer("Так, а КОТ? Кот!")
    assert said.phones == tuple("pau t a k pau a k oo t pau k oo t pau".split())
    assert [phrase.end for phrase in said.phrases] == [",", "?", "!"]
    assert [(word.text, word.spoken, word.source) for word in said.words][2] == ("КОТ", "кот", "lexicon")
    assert said.notes == ()


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("кот", "."),
        ("кот!?", "?"),
        ("кот, так... кот", ",.."),
        ("кот — так - кот-кот", "--."),
        ("кот\n\nтак", ".."),
        ("... кот", "."),
    ],
)
def test_marks_end_phrases(phonemizer: LetterPhonemizer, text: str, ends: str) -> None:
    assert "".join(phrase.end for phrase in phonemizer(text).phrases) == ends


def test_what_cannot_be_read_is_named(phonemizer: LetterPhonemizer) -> None:
    said = phonemizer("Кот 42 cat кот.")
    assert len(said.words) == 2 and "42" in said.notes[0] and "cat" in said.notes[0]
    for text in ("", "42", "cat", "...", "!"):
        with pytest.raises(InputError):
            phonemizer(text)
    with pytest.raises(InputError, match="pronunciations"):
        phonemizer("кот", pronunciations={"cat": "k ae t"})


def test_the_runner_reads_as_the_head(phonemizer: LetterPhonemizer, tmp_path: Path) -> None:
    for name, content in phonemizer.files().items():
        (tmp_path / name).write_bytes(content)

    def run(graph: Graph) -> Callable[..., Any]:
        def call(**inputs: Any) -> tuple[Any, ...]:
            with torch.no_grad():
                made = graph.run(*(torch.from_numpy(np.asarray(inputs[name])) for name in graph.examples[0]))
            return tuple(one.numpy() for one in (made if isinstance(made, tuple) else (made,)))

        return call

    graphs = {name: run(graph) for name, graph in phonemizer.graphs().items()}
    runner = LetterPhonemes(Exported("ru", phonemizer.settings(), graphs, {}, tmp_path))
    assert runner.phones == phonemizer.phones == tuple(SOUNDS)
    words = ["котто", "ёта", "оооо", "так" * 30]
    assert runner.letters.pronounce(words) == phonemizer.letters.pronounce(words)
    assert runner("Кот, такт 42!") == phonemizer("Кот, такт 42!")
    assert [runner.specimen(n) for n in range(7)] == [phonemizer.specimen(n) for n in range(7)]
    with pytest.raises(InputError):
        runner("cat")


def test_words_without_a_letter_of_the_network_have_no_phones(phonemizer: LetterPhonemizer) -> None:
    assert phonemizer.letters.pronounce(["cat", "кот"])[0] == ()


def test_letters_are_read_in_any_normal_form(phonemizer: LetterPhonemizer) -> None:
    phonemizer.set_lexicon({"тё": "t jo"})
    assert phonemizer("те\u0308").phones == ("pau", "t", "jo", "pau")


@pytest.mark.parametrize(
    ("letters", "phones"),
    [("", SOUNDS), ("аа", SOUNDS), ("аК", SOUNDS), ("а к", SOUNDS), ("а1", SOUNDS), ("ак", ["a", "pau"]), ("ак", [])],
)
def test_other_letters_and_phones_are_refused(letters: str, phones: list[str]) -> None:
    with pytest.raises(ConfigError):
        LetterPhonemizer(letters=letters, phones=phones)


@pytest.mark.parametrize(("word", "phones"), [("cat", "k a t"), ("кот", "k ae t"), ("кот", "")])
def test_a_dataset_of_another_language_is_refused(
    phonemizer: LetterPhonemizer, tmp_path: Path, word: str, phones: str
) -> None:
    with pytest.raises(DataError, match=word):
        phonemizer.examples(Dataset.from_dict({"word": [word], "phones": [phones]}), tmp_path)


def test_it_learns_words_keeps_them_and_reads_new_ones(tmp_path: Path) -> None:
    sounds = dict(zip("акотё", SOUNDS[1:], strict=True))
    words = [a + b + c + d for a in LETTERS for b in LETTERS for c in LETTERS for d in LETTERS]
    rows = Dataset.from_dict(
        {
            "word": words,
            "phones": [[sounds[letter] for letter in word] for word in words],
            "heldout": [index % 17 == 0 for index in range(len(words))],
        }
    )
    torch.manual_seed(0)
    model: Any = mmzoo.create(
        "phonemizer-ru", pretrained=False, letters=LETTERS, phones=SOUNDS, width=32, depth=2
    ).train()  # fmt: skip
    examples = model.examples(rows, tmp_path)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(120):
        chosen = torch.randint(len(examples), (64,), generator=generator).tolist()
        losses = model.training_step(examples.collate([examples.example(i, generator) for i in chosen]), generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    save_model(model.eval(), tmp_path / "model", name="mine")
    again = mmzoo.create(tmp_path / "model")
    assert len(again.lexicon) == sum(not row["heldout"] for row in rows)
    new = [row for row in rows if row["heldout"]]
    right = [list(again(row["word"]).words[0].phones) == row["phones"] for row in new]
    assert sum(right) >= 0.9 * len(new)
    assert again(new[0]["word"]).words[0].source == "letters"


def test_the_russian_model_has_the_alphabet_and_50_phones() -> None:
    with torch.device("meta"):
        model = mmzoo.create("phonemizer-ru", pretrained=False)
    assert len(model.phones) == 51 and not set(model.phones[1:]) <= set(PHONES)


def test_a_voice_reads_texts_with_a_phonemizer_of_its_own_phones(tmp_path: Path, phonemizer: LetterPhonemizer) -> None:
    small = mmzoo.create("phonemizer-ru", pretrained=False, letters=LETTERS, phones=SOUNDS, width=16, depth=1)
    small.set_lexicon(phonemizer.lexicon)
    save_model(small, tmp_path / "ru", name="ru")
    tts: Any = mmzoo.create(
        "vqvae-dit-tts",
        pretrained=False,
        head={"width": 32, "prior_depth": 1, "phones": [*SOUNDS, "ы"]},
        text={"width": 32, "depth": 1, "vocabulary": 7},
        backbone={
            "width": 32, "depth": 1, "heads": 2, "aligned_channels": {"text": 32, "prior": 36},
            "vector_channels": {"voice": 32},
        },
        phonemizer={"model": str(tmp_path / "ru")},
    )  # fmt: skip
    spoken = tts("Так, кот.")
    assert [word.text for word in spoken.words] == ["Так", "кот"]
    assert [
        segment.text for segment in spoken.segments if segment.kind == "phone"
    ] == "pau t a k pau k oo t pau".split()
    assert {word.text for word in tts.specimen(0).words} == set(phonemizer.lexicon)


def test_sample_texts_are_words_of_the_lexicon_in_whatever_order_it_is(phonemizer: LetterPhonemizer) -> None:
    phonemizer.set_lexicon({letter * count: "a" for letter in "акот" for count in range(1, 9)})
    texts = [phonemizer.sample_text(number) for number in range(5)]
    assert len(set(texts)) == 5 and all(phonemizer(text).notes == () for text in texts)
    assert {word.source for text in texts for word in phonemizer(text).words} == {"lexicon"}
    phonemizer.set_lexicon(dict(reversed(phonemizer.lexicon.items())))
    assert [phonemizer.sample_text(number) for number in range(5)] == texts
    phonemizer.set_lexicon({})
    assert phonemizer.sample_text(0) == ""


LEARNED = {"word": "кот", "phones": ["k", "oo", "t"]}
WORDS = [{"word": "Кто", "phones": ["k", "t", "oo"]}, {"word": "ок", "phones": ["oo", "k"]}]


@pytest.mark.parametrize(
    "splits",
    [
        {"train": [LEARNED | {"heldout": False}, *(word | {"heldout": True} for word in WORDS)]},
        {"train": [LEARNED], "test": [word | {"phones": " ".join(word["phones"])} for word in WORDS]},
    ],
    ids=["marked", "split"],
)
def test_it_is_evaluated_on_the_held_out_words_of_its_data(
    phonemizer: LetterPhonemizer, monkeypatch: pytest.MonkeyPatch, splits: dict[str, list[dict[str, Any]]]
) -> None:
    asked: list[Any] = []

    def held_out(model: Any, data: Any, needed: Any, **options: Any) -> HeldOut:
        asked.append((data, needed, options))
        tables = {name: Dataset.from_list(rows) for name, rows in splits.items()}
        return HeldOut((DataGuess("acme-words", {}, "acme-words"),), (tables,))

    monkeypatch.setattr(evaluate, "held_out", held_out)
    monkeypatch.setattr(phonemizer.letters, "pronounce", lambda words: [("k", "t", "a"), ("oo", "k")][: len(words)])
    report = evaluate.evaluate_phonemizer(phonemizer, data=("mine",))
    assert report["held_out_words"] == {"phone_error_rate": 1 / 5, "words_with_an_error": 1 / 2}
    assert report["protocol"] == {"teacher": "the phones of acme-words", "words": 2, "words_in_the_lexicon": 3}
    assert asked == [(("mine",), ("word", "phones"), {"heldout_only": True})]
    assert evaluate.evaluate_phonemizer(phonemizer, limit=1)["protocol"]["words"] == 1
    phonemizer.set_lexicon({"кто": "k t oo"})
    with pytest.raises(DataError, match="кто"):
        evaluate.evaluate_phonemizer(phonemizer)
