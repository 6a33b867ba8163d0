"""The dataset `natural-speech`: its sentences, its teachers, and what a build gives."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mmzoo_datasets import espeak, natural_speech, spoken_texts, teachers
from mmzoo_datasets.text import documents
from mmzoo_datasets.text.everyday import TEMPLATES, everyday

from mmzoo.data import load_dataset_component
from mmzoo.errors import ConfigError, DataError, MmzooError

GLOSSES = """  1 This software and database is being provided to you
00001740 00 a 01 able 0 005 | having the necessary means; "able to swim all day long"; "she was able to program it"
00001741 00 a 01 odd 0 005 | strange; "NATO is an odd name"; "it cost 5 dollars in all"; "too short"
"""
QUOTATIONS = """Never trust a man who is always smiling.  He is probably
selling something.
\t\t-- A. Nonymous
%
She said: "Two wrongs do not make a right."
%
SHOUTING IS NOT NICE AT ALL.
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small documents in the places of Debian's."""
    for constant, name, content in (("WORDNET", "data.adj", GLOSSES), ("FORTUNES", "wise", QUOTATIONS)):
        folder = tmp_path / constant
        folder.mkdir()
        (folder / name).write_text(content)
        monkeypatch.setattr(documents, constant, folder)
    return tmp_path


def test_sentences_come_whole_and_once_from_both_kinds_of_documents(library: Path) -> None:
    source = {library / "WORDNET": ("data.adj", "data.adj"), library / "FORTUNES": ("wise",)}
    assert documents.sentences(source) == [
        "Able to swim all day long.",
        "She was able to program it.",
        "Never trust a man who is always smiling.",
        "He is probably selling something.",
        "She said: Two wrongs do not make a right.",
    ]


def test_a_missing_document_is_an_error_that_names_its_package(library: Path) -> None:
    with pytest.raises(DataError, match=r"data\.noun.*wordnet-base"):
        documents.sentences({library / "WORDNET": ("data.noun",)})


@pytest.mark.parametrize(
    "text",
    ["Too short.", "It was 1957 then, I think.", "He works for the BBC in London.", "wait... what is that there",
     "Mr. Smith went to the market.", "An email to a@b.c is on its way.", "word " * 30],
)  # fmt: skip
def test_what_speakers_could_read_differently_is_left_out(text: str) -> None:
    assert documents.readable(text) is None


@given(st.text(max_size=80))
def test_a_readable_sentence_is_plain_and_stays_as_it_is(text: str) -> None:
    sentence = documents.readable(text)
    if sentence is not None:
        assert sentence.isascii() and sentence[-1] in ".?!" and sentence[0].isupper()
        assert documents.readable(sentence) == sentence


def test_everyday_sentences_have_no_digits_and_no_open_slots() -> None:
    said = [everyday(Random(i)) for i in range(3 * len(TEMPLATES))]
    assert all(text.isascii() and not set("0123456789[]{}") & set(text) for text in said)
    assert sum("?" in text for text in said) > len(said) / 10


@pytest.mark.parametrize(
    "voice",
    ["heart", "hibari:", "flite:cmu", "flite:slt@high", "espeak:", "hibari:someone", "piper:/nowhere/voice.onnx"],
)
def test_a_voice_that_cannot_be_had_is_refused(voice: str) -> None:
    with pytest.raises(MmzooError):
        teachers.check_teacher(voice)


def test_speech_keeps_the_same_silence_on_either_side() -> None:
    speech = np.concatenate([np.zeros(24_000), np.full(2_400, 2.0), np.zeros(100)]).astype(np.float32)
    trimmed = teachers._trimmed(speech, "word").samples
    margin = round(teachers.SILENCE_S * teachers.SAMPLE_RATE)
    assert len(trimmed) == 2_400 + 2 * margin
    assert np.abs(trimmed).max() == pytest.approx(teachers.PEAK)
    assert not trimmed[:margin].any() and not trimmed[-margin:].any()
    with pytest.raises(DataError):
        teachers._trimmed(np.zeros(100, np.float32), "word")


def test_held_out_texts_are_in_no_document_of_training() -> None:
    for folder, names in documents.HELD_OUT.items():
        assert not set(names) & set(documents.TRAINING[folder])


@pytest.mark.parametrize("name", ["sentences", "validation", "test", "shard_rows"])
def test_counts_below_one_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_dataset_component("natural-speech", **{name: 0})


def test_a_piper_voice_of_one_speaker_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teachers, "find_spec", lambda package: object())
    monkeypatch.setattr(espeak, "espeak_program", lambda: "espeak-ng")
    path = tmp_path / "en_US-somebody.onnx"
    path.touch()
    for speakers in (1, 904):
        Path(f"{path}.json").write_text(f'{{"num_speakers": {speakers}}}')
        if speakers == 1:
            teachers.check_teacher(f"piper:{path}")
        else:
            with pytest.raises(ConfigError, match="904"):
                teachers.check_teacher(f"piper:{path}")
    assert teachers.speaker_name(f"piper:{path}") == "en_US-somebody"
    assert teachers.speaker_name("piper:joe") == "joe" and teachers.speaker_name("hibari:heart") == "heart"


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, list[str]]]:
    """Speaks with a short sound; a list of the calls."""

    class Here:
        """A pool of no processes."""

        def __init__(self, *arguments: object, **details: object) -> None: ...

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *error: None  # noqa: E731
        map = staticmethod(map)

    calls: list[tuple[str, int, list[str]]] = []
    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(100), 24_000, format="WAV")

    def speak_part(voice: str, seed: int, part: list[str]) -> list[bytes]:
        calls.append((voice, seed, part))
        return [sound.getvalue()] * len(part)

    monkeypatch.setattr(natural_speech, "pool_of", Here)
    monkeypatch.setattr(natural_speech, "check_teacher", lambda voice: None)
    monkeypatch.setattr(natural_speech, "speak_part", speak_part)
    texts = [f"Text {number}." for number in range(12)]
    monkeypatch.setattr(natural_speech, "corpus_texts", lambda test, seed: (texts, ["Test."] * test))
    return calls


def _missing(*arguments: object) -> None:
    raise DataError("not installed")


def test_a_built_corpus_needs_neither_voice_nor_documents(
    spoken: list[tuple[str, int, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus: dict[str, Any] = {
        "voice": "piper:/home/me/own.onnx",
        "sentences": 3,
        "validation": 1,
        "test": 1,
        "shard_rows": 2,
    }
    built = natural_speech.natural_speech(**corpus)
    texts = {"train": ["Text 1.", "Text 2.", "Text 3."], "validation": ["Text 0."], "test": ["Test."]}
    assert {split: rows["text"] for split, rows in built.items()} == texts and set(built["train"]["speaker"]) == {"own"}
    for name in ("check_teacher", "corpus_texts", "speak_part"):
        monkeypatch.setattr(natural_speech, name, _missing)
    again = natural_speech.natural_speech(**corpus)
    assert again["train"]["text"] == texts["train"]
    assert again["train"]._fingerprint == built["train"]._fingerprint
    next(tmp_path.rglob("train-00000*.parquet")).unlink()
    with pytest.raises(DataError, match="not installed"):
        natural_speech.natural_speech(**corpus)


def test_several_voices_say_texts_of_their_own_and_the_same_tests(
    spoken: list[tuple[str, int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: dict[str, Any] = {"validation": 1, "test": 2, "shard_rows": 2}
    voices = {"hibari:heart": 3, "flite:rms@0.9": 2, "espeak:en-us+f3": 0, "flite:slt": 4}
    corpus: dict[str, Any] = {"voices": voices, **counts}
    natural_speech.natural_speech(voice="hibari:heart", sentences=3, **counts)
    spoken.clear()
    built = natural_speech.natural_speech(**corpus)
    assert not any(voice == "hibari:heart" for voice, _, _ in spoken), "the corpus of one voice is read from the cache"
    rows = [(row["speaker"], row["text"]) for row in built["train"]]
    assert rows == [("heart", f"Text {i}.") for i in (1, 2, 3)] + [("rms@0.9", f"Text {i}.") for i in (5, 6)] + [
        ("slt", f"Text {i}.") for i in (9, 10, 11, 0)
    ], "once all texts are said, voices say the first ones again"
    assert built["validation"]["text"] == [f"Text {i}." for i in (0, 4, 7, 8)]
    assert built["test"]["text"] == ["Test."] * 8
    assert built["test"]["speaker"] == [name for name in ("heart", "rms@0.9", "en-us+f3", "slt") for _ in range(2)]
    for split in built.values():
        assert len(set(split["id"])) == len(split), "rows of different voices have different ids"
    for name in ("check_teacher", "corpus_texts", "speak_part"):
        monkeypatch.setattr(natural_speech, name, _missing)
    again = natural_speech.natural_speech(**corpus)
    assert {name: split._fingerprint for name, split in again.items()} == {
        name: split._fingerprint for name, split in built.items()
    }, "caches of features depend on it"


@pytest.mark.parametrize(
    "corpus",
    [
        {"voices": {}},
        {"voices": {"flite:slt": 1}, "voice": "flite:slt"},
        {"voices": {"flite:slt": 1}, "sentences": 1},
        {"voices": {"flite:slt": 1, "piper:/home/me/slt.onnx": 1}},
        {"voices": {"flite:slt": -1}},
        {"voices": {"flite:slt": 12}, "validation": 1},
    ],
)
def test_voices_that_make_no_corpus_are_refused(
    corpus: dict[str, Any], spoken: list[tuple[str, int, list[str]]]
) -> None:
    with pytest.raises(ConfigError, match=r"voices|sentences"):
        load_dataset_component("natural-speech", **corpus)


def test_the_settings_of_a_corpus_of_one_voice_stay_those_of_its_folder() -> None:
    part = natural_speech._Part("hibari:heart", {"train": 10_000, "validation": 100, "test": 300}, 0, 500, 0)
    assert part.folder.name == "natural-speech-hibari-heart-14fe2746a513"


def test_given_texts_are_spoken_by_a_neural_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    monkeypatch.setattr(spoken_texts, "check_teacher", checked.append)
    monkeypatch.setattr(spoken_texts, "speak_part", lambda voice, seed, texts: [text.encode() for text in texts])
    rows = load_dataset_component("spoken-texts", texts=["One.", "Two."], voice="piper:/home/me/own.onnx")["test"]
    assert checked == ["piper:/home/me/own.onnx"] and rows["speaker"] == ["own", "own"]
    assert [cell["bytes"] for cell in rows["audio"]] == [b"One.", b"Two."] and len(set(rows["id"])) == 2
    with pytest.raises(ConfigError, match="nobody"):
        load_dataset_component("spoken-texts", texts=["One."], voice="nobody:heart")


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["hibari:heart", "piper:joe", "flite:rms@0.9", "espeak:en-us+f3"])
def test_a_part_sounds_the_same_whenever_it_is_spoken(voice: str) -> None:
    try:
        teachers.check_teacher(voice)
    except DataError as missing:
        pytest.skip(str(missing))
    texts = ["Where did you put the keys?", "It is raining, as usual."]
    first = teachers.speak_part(voice, 3, texts)
    teachers.speak_part(voice, 4, texts[1:])
    assert teachers.speak_part(voice, 3, texts) == first
    samples, rate = soundfile.read(io.BytesIO(first[0]))
    assert rate == teachers.SAMPLE_RATE and 0.7 < len(samples) / rate < 3 and np.abs(samples).max() > 0.1
