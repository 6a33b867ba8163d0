"""The phonemizer: phones in context, notes, files, training, and agreement with flite."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.letters import LETTERS, LetterToSound, phone_errors
from mmzoo_tts.lexicon_head import LetterExamples
from mmzoo_tts.phonemizer import Phonemizer
from mmzoo_tts.text import PHONES, clean_text
from mmzoo_tts.text.phones import possessive

from mmzoo.errors import CorruptFileError, DataError, InputError

LEXICON = {
    "a": "ey", "apple": "ae p ax l", "bus": "b ah s", "cat": "k ae t", "dog": "d ao g", "ran": "r ae n",
    "nasa": "n ae s ax", "hour": "aw er", "use": "y uw z", "we": "w iy", "to": "t ax", "of": "ah v",
    "lives": "l ay v z", "in": "ih n",
    "it": "ih t",
    "five": "f ay v", "plan": "p l ae n", "so": "s ow", "good": "g uh d", "is": "ih z", "anna": "ae n ax",
    "and": "ae n d", "fred": "f r eh d",
}  # fmt: skip


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    torch.manual_seed(0)
    model = Phonemizer(width=32, depth=3).eval()
    model.set_lexicon(LEXICON)
    return model


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("the dog", "dh ax d ao g"),
        ("the apple", "dh iy ae p ax l"),
        ("the hour", "dh iy aw er"),
        ("the", "dh ax"),
        ("the, apple", "dh ax pau ae p ax l"),
        ("a dog", "ax d ao g"),
        ("a, dog", "ey pau d ao g"),
        ("a", "ey"),
        ("plan A is good", "p l ae n ey ih z g uh d"),
        ("cat's", "k ae t s"),
        ("dog's", "d ao g z"),
        ("bus's", "b ah s ax z"),
        ("the cat'll", "dh ax k ae t ax l"),
        ("Anna'll", "ae n ax l"),
        ("Fred'd", "f r eh d ax d"),
        ("to use it", "t ax y uw z ih t"),
        ("the use of it", "dh ax y uw s ah v ih t"),
        ("we use it", "w iy y uw z ih t"),
        ("Fred lives in it", "f r eh d l ih v z ih n ih t"),
        ("the lives of", "dh ax l ay v z ah v"),
        ("FBI", "eh f b iy ay"),
        ("NASA", "n ae s ax"),
        ("CDs", "s iy d iy z"),
        ("w", "d ah b ax l y uw"),
        ("hmm", "hh m"),
        ("hmmmm", "hh m"),
        ("sooooo good", "s ow g uh d"),
    ],
)
def test_phones_in_context(phonemizer: Phonemizer, text: str, phones: str):
    assert " ".join(phonemizer(text).phones) == f"pau {phones} pau"


def test_result(phonemizer: Phonemizer):
    result = phonemizer("The dog's bus, FBI? Xqzt 日本 dog 😀.")
    assert [phrase.end for phrase in result.phrases] == [",", "?", "."]
    assert [(w.text, w.spoken, w.source) for w in result.phrases[0].words] == [
        ("The", "the", "lexicon"),
        ("dog's", "dog's", "lexicon"),
        ("bus", "bus", "lexicon"),
    ]
    assert [w.spoken for w in result.phrases[1].words] == ["f", "b", "i"]
    assert {w.text for w in result.phrases[1].words} == {"FBI"}
    assert result.phrases[2].words[0].source == "spelled"
    assert result.phrases[2].words[0].phones[:3] == ("eh", "k", "s")
    assert any("Xqzt" in note for note in result.notes)
    assert any("日本" in note and "😀" in note for note in result.notes)
    assert result.spoken.startswith("the dog's bus, f b i? xqzt")
    assert phonemizer("dog").notes == ()


def test_a_word_of_no_lexicon_is_read_by_the_network_or_spelled(phonemizer: Phonemizer):
    (word,) = phonemizer("zorblaxian").words
    assert word.source in {"letters", "spelled"}
    assert word.phones
    (long,) = phonemizer("ab" * 200).words
    assert long.source == "spelled"
    assert len(long.phones) == 600
    assert long.phones[:3] == ("ey", "b", "iy")


def test_endings_without_end_are_no_trouble(phonemizer: Phonemizer):
    assert phonemizer("we'd've").phones == ("pau", "w", "iy", "d", "ax", "v", "pau")
    (word,) = phonemizer("cat" + "'s" * 5000).words
    assert word.phones


def test_batch_is_the_same_as_one_by_one():
    torch.manual_seed(1)
    net = LetterToSound(width=48, depth=3).eval()
    generator = torch.Generator().manual_seed(0)
    words = [
        "".join(LETTERS[i] for i in torch.randint(0, 26, (n,), generator=generator)) for n in [1, 3, 30, 7, 12, 5] * 20
    ]
    assert net.pronounce(words, batch_size=50) == [net.pronounce([word])[0] for word in words]
    assert net.pronounce(["", "ab"])[0] == ()


def test_a_full_memory_forgets_no_word_of_the_text(phonemizer: Phonemizer, monkeypatch: pytest.MonkeyPatch):
    alone = phonemizer("zorblaxian").words[0].phones
    monkeypatch.setattr("mmzoo_tts.pronouncer.MOST_LEARNED", 0)
    assert phonemizer("zorblaxian quizzaneer").words[0].phones == alone


def test_pronounce_words(phonemizer: Phonemizer):
    assert phonemizer.pronounce(["Dog", "cat's"]) == [("d", "ao", "g"), ("k", "ae", "t", "s")]
    with pytest.raises(InputError, match="'two words'"):
        phonemizer.pronounce(["two words"])


def test_possessive():
    assert possessive(("b", "ah", "s")) == ("ax", "z")
    assert possessive(("k", "ae", "t")) == ("s",)
    assert possessive(("s", "iy")) == ("z",)


def test_files_round_trip(phonemizer: Phonemizer, tmp_path: Path):
    for name, data in phonemizer.files().items():
        (tmp_path / name).write_bytes(data)
    other = Phonemizer(width=32, depth=3)
    other.load_files(tmp_path)
    assert dict(other.lexicon) == LEXICON


@pytest.mark.parametrize(
    "content",
    [b"", b"[1]", b'{"a"', b'{"cat": "k zz t"}', b'{"cat": ""}', b'{"two words": "t uw"}', b'{"cat": "pau"}', b"\xff"],
)
def test_a_bad_lexicon_is_refused(content: bytes, tmp_path: Path):
    with pytest.raises(CorruptFileError, match="lexicon"):
        Phonemizer(width=32, depth=3).load_files(tmp_path)
    (tmp_path / "lexicon.json").write_bytes(content)
    with pytest.raises(CorruptFileError, match="lexicon"):
        Phonemizer(width=32, depth=3).load_files(tmp_path)


def test_held_out_words_are_neither_looked_up_nor_learned(tmp_path: Path):
    rows = Dataset.from_dict(
        {
            "word": ["cat", "dog", "bbc", "frog"],
            "phones": [["k", "ae", "t"], ["d", "ao", "g"], ["b", "iy", "b", "iy", "s", "iy"], ["f", "r", "aa", "g"]],
            "heldout": [False, False, False, True],
        }
    )
    model = Phonemizer(width=32, depth=3)
    examples = model.examples(rows, tmp_path)
    assert set(model.lexicon) == {"cat", "dog", "bbc"}
    assert len(examples) == 2  # bbc is spelled, not read
    assert list(examples.lengths) == [3, 3]
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(2)])
    assert batch["letters"].shape == (2, 3)
    assert batch["phones"].shape == (2, 3)
    model.set_lexicon({"frog": "f r aa g", "newt": "n uw t"})
    model.examples(rows, tmp_path)
    assert set(model.lexicon) == {"cat", "dog", "bbc", "newt"}
    with pytest.raises(DataError, match="column"):
        model.examples(rows.remove_columns("phones"), tmp_path)
    with pytest.raises(DataError):
        model.examples(rows.filter(lambda row: row["heldout"]), tmp_path)


@pytest.mark.slow
def test_the_network_learns_to_read():
    """Words of a toy spelling (each letter one sound, "sh" another) that were not in training are read right."""
    sounds = {"a": "ae", "i": "ih", "o": "ow", "b": "b", "d": "d", "s": "s", "sh": "sh", "m": "m"}
    syllables = [c + v for c in ("b", "d", "s", "sh", "m") for v in "aio"]
    words = [x + y + z for x in syllables for y in syllables for z in syllables]

    def said(word: str) -> str:
        parts = word.replace("sh", "S")
        return " ".join(sounds["sh" if letter == "S" else letter] for letter in parts)

    lexicon = {word: said(word) for word in words}
    heldout = words[::17]
    model = Phonemizer(width=48, depth=3).train()
    torch.manual_seed(0)
    model.reset_parameters()
    examples = LetterExamples.of({w: p for w, p in lexicon.items() if w not in set(heldout)}, model.letters)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(160):
        chosen = torch.randint(len(examples), (128,), generator=generator).tolist()
        losses = model.training_step(examples.collate([examples.example(i, generator) for i in chosen]), generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    model.eval()
    wanted = [tuple(lexicon[word].split()) for word in heldout]
    per, wrong = phone_errors(model.letters.pronounce(heldout), wanted)
    assert per < 0.02
    assert wrong < 0.1


def test_phone_errors():
    assert phone_errors([("a", "b")], [("a", "b")]) == (0, 0)
    assert phone_errors([("a", "c"), ()], [("a", "b"), ("x", "y")]) == (3 / 4, 1)


def test_the_default_network_is_small():
    with torch.device("meta"):
        assert sum(p.numel() for p in Phonemizer().parameters()) <= 1_500_000


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="abzAEIVX'.-,0159/:$%& é日😀\n\"()@#_", max_size=60)))
def test_any_text_is_said_or_refused(phonemizer: Phonemizer, text: str):
    try:
        result = phonemizer(text)
    except InputError as error:
        assert str(error)
        return
    assert result.phrases
    assert all(phrase.words for phrase in result.phrases)
    assert all(word.phones for word in result.words)
    assert set(result.phones) <= set(PHONES)
    # Every letter and digit of the cleaned text stands, in order, in the text of some word.
    said = iter("".join(word.text for word in result.words))
    assert all(any(c == s for s in said) for c in clean_text(text).text if c.isalnum())


def test_twenty_thousand_characters_take_a_few_seconds():
    model = Phonemizer().eval()
    model.set_lexicon(LEXICON)
    text = "The dog ran to a bus, and 12 cats paid $3.50 for unheardof wordlets at 10:45. " * 250
    started = time.process_time()
    result = model(text)
    assert time.process_time() - started < 5.0
    assert len(result.words) > 4500


def test_reading_a_thousand_new_words_is_fast():
    net = LetterToSound().eval()
    generator = torch.Generator().manual_seed(0)
    words = ["".join(LETTERS[i] for i in torch.randint(0, 26, (9,), generator=generator)) for _ in range(1000)]
    started = time.process_time()
    net.pronounce(words)
    assert time.process_time() - started < 10.0


# --- agreement with flite ----------------------------------------------------------------------------------

SENTENCES = (Path(__file__).parent / "agreement_sentences.txt").read_text("utf-8").splitlines()


def flite_phones(text: str) -> list[str]:
    """flite's phones of a whole text; `t2p` is flite's own program for them, without making sound."""
    said = subprocess.run(["t2p", text], capture_output=True, text=True, check=True).stdout
    return [phone.rstrip("012") for phone in said.split()]


@pytest.mark.skipif(shutil.which("t2p") is None, reason="flite's t2p is not installed")
def test_whole_sentences_agree_with_flite():
    model = Phonemizer(width=32, depth=3).eval()
    model.set_lexicon({"a": "ey"})
    words = sorted({w.spoken for s in SENTENCES for w in model(s).words if len(w.spoken) > 1})
    spoken = " ".join(flite_phones(", ".join(words))).removeprefix("pau ").removesuffix(" pau").split(" pau ")
    assert len(spoken) == len(words)
    model.set_lexicon(dict(zip(words, spoken, strict=True)))
    ours = [[*model(sentence).phones] for sentence in SENTENCES]
    flites = [flite_phones(sentence) for sentence in SENTENCES]
    errors, wrong = phone_errors(ours, flites)  # measured with flite 2.2: 0.0024 and 0.055
    assert errors <= 0.003
    assert wrong <= 0.06
