"""LJSpeech's layout end to end: reading, aligning, caching; and what is refused."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mmzoo_datasets
import numpy as np
import pytest
from mmzoo_datasets import spoken_phones
from mmzoo_datasets.align import Aligner, CannotAlign
from mmzoo_datasets.flite import speak
from mmzoo_datasets.ljspeech import ljspeech, read_metadata

import mmzoo
from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import ConfigError, DataError

SPOKEN = Path(__file__).parent / "spoken"


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner()


def test_a_folder_becomes_a_dataset_with_phone_times(ljspeech_folder: Path, spoken: dict[str, Any]) -> None:
    splits = load_dataset_component("ljspeech", root=str(ljspeech_folder), validation=1, test=1)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 1, "validation": 1, "test": 1}
    for name, rows in splits.items():
        row = rows[0]
        assert row["split"] == name and row["speaker"] == "lj" and row["phone_set"] == "flite"
        assert row["text"] == spoken[row["id"]]["text"]
        audio = decode_audio(row["audio"])
        assert audio.sample_rate == 22_050
        assert row["audio"]["path"] == str(ljspeech_folder / "wavs" / f"{row['id']}.wav")
        assert row["phone_ends_s"][-1] == pytest.approx(audio.duration, abs=0.01)
        assert all(a < b for a, b in pairwise(row["phone_ends_s"]))
        assert row["phones"] == spoken[row["id"]]["phones"]


def test_boundaries_are_within_30_ms_of_the_synthesisers_own(aligner: Aligner, spoken: dict[str, Any]) -> None:
    errors = []
    for name, entry in spoken.items():
        found = aligner.align(decode_audio({"path": str(SPOKEN / f"{name}.flac")}), entry["text"])
        assert list(found.phones) == entry["phones"]
        errors += list(np.subtract(found.ends_s, entry["ends_s"])[:-1])
    print(f"median |error| {np.median(np.abs(errors)) * 1000:.1f} ms, bias {np.median(errors) * 1000:+.1f} ms")
    assert np.median(np.abs(errors)) < 0.015
    assert np.mean(np.abs(errors) < 0.030) > 0.7
    assert abs(np.median(errors)) < 0.010


def test_the_order_of_files_has_no_effect(aligner: Aligner, spoken: dict[str, Any]) -> None:
    sounds = {name: decode_audio({"path": str(SPOKEN / f"{name}.flac")}) for name in spoken}
    first = {name: aligner.align(sounds[name], spoken[name]["text"]) for name in spoken}
    assert {name: aligner.align(sounds[name], spoken[name]["text"]) for name in reversed(spoken)} == first


def _unreduced(phones: Sequence[str]) -> list[str]:
    return ["ah" if phone == "ax" else phone for phone in phones]


@pytest.mark.usefixtures("flite")
@pytest.mark.slow
def test_boundaries_of_longer_sentences(aligner: Aligner) -> None:
    errors: list[float] = []
    for text in mmzoo_datasets.heldout()["test"][:40]:
        said = speak(text)
        found = aligner.align(decode_audio({"bytes": said.wav}), text)
        if _unreduced(found.phones) == _unreduced(said.phones):  # dictionaries and pauses differ in some
            errors += list(np.subtract(found.ends_s, said.ends_s)[:-1])
    print(f"{len(errors)} boundaries, median |error| {np.median(np.abs(errors)) * 1000:.1f} ms")
    print(f"90 % within {np.percentile(np.abs(errors), 90) * 1000:.0f} ms")
    assert len(errors) > 200
    assert np.median(np.abs(errors)) < 0.015
    assert np.percentile(np.abs(errors), 90) < 0.050


def test_the_alignment_is_kept(ljspeech_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ljspeech(root=str(ljspeech_folder), validation=1, test=1)

    def never(*_: Any) -> None:
        raise AssertionError("aligned again")

    monkeypatch.setattr(spoken_phones, "_align", never)
    for changes in ({}, {"sample_rate": 16_000}, {"speaker": "me"}):
        again = ljspeech(root=str(ljspeech_folder), validation=1, test=1, **changes)
        assert [row["phone_ends_s"] for row in again["train"]] == [row["phone_ends_s"] for row in first["train"]]
    metadata = ljspeech_folder / "metadata.csv"
    metadata.write_text(metadata.read_text().replace("Open", "Close"))
    with pytest.raises(AssertionError, match="aligned again"):
        ljspeech(root=str(ljspeech_folder), validation=1, test=1)


def test_an_interrupted_alignment_goes_on(ljspeech_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = spoken_phones._align, list[str]()

    def counted(task: Any) -> Any:
        if len(calls) == 1:
            calls.append("interrupted")
            raise KeyboardInterrupt
        calls.append(task[1])
        return real(task)

    monkeypatch.setattr(spoken_phones, "_align", counted)
    with pytest.raises(KeyboardInterrupt):
        ljspeech(root=str(ljspeech_folder), validation=0, test=0)
    assert len(ljspeech(root=str(ljspeech_folder), validation=0, test=0)["train"]) == 3
    assert len(calls) == 4  # one, the interruption, and the two others


def test_nothing_is_aligned_when_no_phones_are_needed(ljspeech_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_phones, "_aligner", lambda: pytest.fail("an aligner was loaded"))
    rows = ljspeech(root=str(ljspeech_folder), validation=0, test=0, needs=["audio"])["train"]
    assert len(rows) == 3 and "phones" not in rows.column_names


def fake_phonemizer(monkeypatch: pytest.MonkeyPatch, words: dict[str, str]) -> list[str]:
    """A phonemizer that knows these words; returns the texts that it was asked about."""
    asked: list[str] = []

    def read(text: str) -> Any:
        asked.append(text)
        spoken = [
            SimpleNamespace(spoken=word, phones=words.get(word, "ax").split())
            for word in text.lower().rstrip(".").split()
        ]
        return SimpleNamespace(phrases=[SimpleNamespace(words=spoken)])

    monkeypatch.setattr("mmzoo.create", lambda name: read)
    return asked


@pytest.mark.parametrize("unknown", ["zyxqwv", "4x4", "Zürich"])
def test_words_outside_the_dictionary_are_read_by_the_phonemizer(
    ljspeech_folder: Path, spoken: dict[str, Any], monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    asked = fake_phonemizer(monkeypatch, {unknown.lower(): "p ey p er"})
    metadata = ljspeech_folder / "metadata.csv"
    metadata.write_text(metadata.read_text().replace("paper", unknown))
    rows = ljspeech(root=str(ljspeech_folder), validation=0, test=0)["train"]
    assert sorted(rows["id"]) == sorted(spoken) and len(asked) == 1 and unknown in asked[0]
    (row,) = [row for row in rows if row["id"] == "SP001-0003"]
    assert row["phones"] == spoken["SP001-0003"]["phones"]
    assert np.abs(np.subtract(row["phone_ends_s"], spoken["SP001-0003"]["ends_s"])).max() < 0.1


@pytest.mark.slow
def test_many_rows_are_aligned_in_several_processes(ljspeech_folder: Path, cache: Path) -> None:
    lines = []
    for name, text in read_metadata(ljspeech_folder):
        for copy in range(5):
            content = (ljspeech_folder / "wavs" / f"{name}.wav").read_bytes()
            (ljspeech_folder / "wavs" / f"{name}-{copy}.wav").write_bytes(content)
            lines.append(f"{name}-{copy}|{text}|{text}\n")
    (ljspeech_folder / "metadata.csv").write_text("".join(lines))
    rows = ljspeech(root=str(ljspeech_folder), validation=0, test=0)["train"]
    alone = {row["id"]: row["phone_ends_s"] for row in rows if row["id"].endswith("-0")}
    assert len(rows) == 15 and all(row["phone_ends_s"] == alone[row["id"][:-1] + "0"] for row in rows)


def test_audio_is_resampled_when_asked(ljspeech_folder: Path) -> None:
    rows = ljspeech(root=str(ljspeech_folder), validation=0, test=0, sample_rate=16_000)["train"]
    for row in rows:
        audio = decode_audio(row["audio"])
        assert audio.sample_rate == 16_000
        assert audio.duration == pytest.approx(row["phone_ends_s"][-1], abs=0.002)


def test_rows_that_cannot_be_aligned_are_left_out_and_counted(
    ljspeech_folder: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metadata = ljspeech_folder / "metadata.csv"
    metadata.write_text(metadata.read_text().replace("paper", "zyxqwv"))
    with caplog.at_level(logging.WARNING):
        splits = ljspeech(root=str(ljspeech_folder), validation=0, test=0, phonemizer=None)
    assert sorted(splits["train"]["id"]) == ["SP001-0001", "SP001-0002"]
    assert "1 of 3 rows" in caplog.text and "zyxqwv" in caplog.text
    (skipped,) = cache.rglob("skipped-*.json")
    assert list(json.loads(skipped.read_text())) == ["SP001-0003"]


def test_a_text_that_is_not_what_was_said_leaves_no_rows(ljspeech_folder: Path) -> None:
    metadata = ljspeech_folder / "metadata.csv"
    metadata.write_text("SP001-0001|x|zyxqwv\n")
    with pytest.raises(DataError, match=re.escape(str(ljspeech_folder))):
        ljspeech(root=str(ljspeech_folder), validation=0, test=0, phonemizer=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The lighthouse-keeper's dog.", ["the", "lighthouse", "keeper's", "dog"]),
        ("'Well,' she said;  \"it's  fine\"", ["well", "she", "said", "it's", "fine"]),
        ("a pumpkinseller", ["a", "pumpkin", "seller"]),
        ("don’t", ["don't"]),
    ],
)
def test_words_of_a_text(aligner: Aligner, text: str, words: list[str]) -> None:
    assert aligner.words(text) == words


def test_a_possessive_of_a_known_word_gets_its_ending(aligner: Aligner) -> None:
    for word, ending in (("umbrella's", "Z"), ("giraffe's", "F S"), ("hedgehog's", "G Z"), ("sandwich's", "AH Z")):
        assert aligner.words(word) == [word]
        assert aligner._decoder.lookup_word(word).endswith(ending), word


@pytest.mark.parametrize("text", ["zyxqwv", "In 1999.", "", "...", "Ünïcödé"])
def test_words_without_pronunciation_are_refused(aligner: Aligner, text: str) -> None:
    with pytest.raises(CannotAlign):
        aligner.words(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "metadata"),
        ("just one field\n", "line 1"),
        ("A|b|c|d\n", "line 1"),
        ("A|text|\n", "line 1"),
        ("A|a|a\nA|b|b\n", "line 2.*'A'"),
        ("../A|a|a\n", "line 1.*'../A'"),
        ("\xff\xfe|a|a\n", "UTF-8"),
    ],
)
def test_bad_metadata_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "metadata.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        read_metadata(tmp_path)


def test_metadata_with_a_byte_order_mark_crlf_and_two_fields(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(b"\xef\xbb\xbfA|one, two\r\nB|x|three\r\n\r\n")
    assert read_metadata(tmp_path) == [("A", "one, two"), ("B", "three")]


def test_other_bad_arguments(ljspeech_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metadata\.csv"):
        ljspeech(root=str(tmp_path / "nowhere"))
    with pytest.raises(DataError):
        ljspeech(root=str(ljspeech_folder), validation=2, test=1)
    for name, value in (("validation", -1), ("sample_rate", 10), ("shard_rows", 0)):
        with pytest.raises(ConfigError, match=name):
            load_dataset_component("ljspeech", root=str(ljspeech_folder), **{name: value})
    (ljspeech_folder / "wavs" / "SP001-0002.wav").unlink()
    with pytest.raises(DataError, match="SP001-0002"):
        ljspeech(root=str(ljspeech_folder), validation=0, test=0)


@pytest.mark.slow
def test_the_recipe_of_the_voice_runs_on_ljspeech_and_the_model_speaks(ljspeech_folder: Path, tmp_path: Path) -> None:
    import mmzoo_tts

    recipe = Path(mmzoo_tts.__file__).parent / "recipes" / "vqvae-dit-tts.yaml"
    changes = [
        "data.name=ljspeech",
        f"data.config={{root: {ljspeech_folder}, sample_rate: 24000, validation: 1, test: 1}}",
        "model.overrides={head: {voices: [lj]}}",
        "steps=2",
    ]
    command = [sys.executable, "-m", "mmzoo", "train", str(recipe), *changes, "--out", str(tmp_path / "run")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "MMZOO_CACHE": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    tts = mmzoo.create(f"local-dir:{tmp_path / 'run' / 'model'}")
    assert tts.voices == ["lj"] and tts("Hello there.", voice="lj").duration > 0.2
