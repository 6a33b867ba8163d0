"""The dataset `natural-speech`: its sentences, its teachers, and what a build gives."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from mmzoo_datasets import natural_speech, teachers, voices
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


@pytest.mark.parametrize("voice", ["heart", "hibari:", "flite:slt", "hibari:someone", "piper:/nowhere/voice.onnx"])
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
    monkeypatch.setattr(teachers, "espeak_program", lambda: "espeak-ng")
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


def test_a_built_corpus_needs_neither_voice_nor_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        """A pool of no processes."""

        def __init__(self, *arguments: object, **details: object) -> None: ...

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *error: None  # noqa: E731
        map = staticmethod(map)

    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(100), 24_000, format="WAV")
    texts = {"train": ["One.", "Two.", "Three."], "validation": ["Four."], "test": ["Five."]}
    monkeypatch.setattr(natural_speech, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(natural_speech, "check_teacher", lambda voice: None)
    monkeypatch.setattr(natural_speech, "corpus_texts", lambda *arguments: texts)
    monkeypatch.setattr(natural_speech, "speak_part", lambda voice, seed, part: [sound.getvalue()] * len(part))
    counts = {"sentences": 3, "validation": 1, "test": 1, "shard_rows": 2}
    built = natural_speech.natural_speech(voice="piper:/home/me/own.onnx", **counts)
    assert {split: rows["text"] for split, rows in built.items()} == texts and set(built["train"]["speaker"]) == {"own"}

    def missing(*arguments: object) -> None:
        raise DataError("not installed")

    for name in ("check_teacher", "corpus_texts", "speak_part"):
        monkeypatch.setattr(natural_speech, name, missing)
    again = natural_speech.natural_speech(voice="piper:/home/me/own.onnx", **counts)
    assert again["train"]["text"] == texts["train"]
    next(tmp_path.rglob("train-00000*.parquet")).unlink()
    with pytest.raises(DataError, match="not installed"):
        natural_speech.natural_speech(voice="piper:/home/me/own.onnx", **counts)


def test_given_texts_are_spoken_by_a_neural_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    monkeypatch.setattr(voices, "check_teacher", checked.append)
    monkeypatch.setattr(voices, "speak_part", lambda voice, seed, texts: [text.encode() for text in texts])
    rows = load_dataset_component("spoken-texts", texts=["One.", "Two."], voice="piper:/home/me/own.onnx")["test"]
    assert checked == ["piper:/home/me/own.onnx"] and rows["speaker"] == ["own", "own"]
    assert [cell["bytes"] for cell in rows["audio"]] == [b"One.", b"Two."] and len(set(rows["id"])) == 2
    with pytest.raises(ConfigError, match="nobody"):
        load_dataset_component("spoken-texts", texts=["One."], voice="nobody:heart")


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["hibari:heart", "piper:joe"])
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
