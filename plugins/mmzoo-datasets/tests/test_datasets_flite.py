"""The corpus spoken by flite and the lexicon: schema, determinism, resuming, and what is refused."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from mmzoo_datasets import flite_speech as builder
from mmzoo_datasets.flite import speak
from mmzoo_datasets.lexicon import _entries, pronounce

from mmzoo.data import COLUMNS, decode_audio, load_dataset_component
from mmzoo.errors import ConfigError, DataError

needs_flite = pytest.mark.usefixtures("flite")
SMALL: dict[str, Any] = {"sentences": 12, "validation": 3, "test": 4, "unseen": 3, "shard_rows": 5}


@needs_flite
def test_schema_splits_and_times() -> None:
    splits = load_dataset_component("flite-speech", **SMALL)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 12, "validation": 3, "test": 4, "unseen": 3}
    for name, rows in splits.items():
        assert set(COLUMNS) <= set(rows.column_names)
        assert rows.features["audio"] == {
            "bytes": rows.features["audio"]["bytes"],
            "path": rows.features["audio"]["path"],
        }
        for row in rows:
            audio = decode_audio(row["audio"])
            assert audio.sample_rate == 16_000 and abs(audio.samples).max() > 0.05
            assert row["phone_ends_s"][-1] == pytest.approx(audio.duration, abs=0.001)
            assert all(a < b for a, b in pairwise([0.0, *row["phone_ends_s"]]))
            assert len(row["phones"]) == len(row["phone_ends_s"]) and row["phones"][0] == row["phones"][-1] == "pau"
            assert row["split"] == name and row["speaker"] == "slt" and row["image"] is None
            assert row["target"] in row["text"] and bool(row["target"]) == (name == "unseen")


@needs_flite
def test_two_builds_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    for name in ("one", "two"):
        monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / name))
        splits = builder.flite_speech(**SMALL)
        built.append({split: list(rows) for split, rows in splits.items()})
    assert built[0] == built[1]


@needs_flite
def test_a_finished_build_speaks_nothing_again_and_needs_no_flite(monkeypatch: pytest.MonkeyPatch) -> None:
    first = builder.flite_speech(**SMALL)
    monkeypatch.setenv("PATH", "")
    again = builder.flite_speech(**SMALL)
    assert list(again["train"]) == list(first["train"])
    assert again["train"]._fingerprint == first["train"]._fingerprint  # features cached by it are found again
    with pytest.raises(DataError, match="flite"):
        builder.flite_speech(**SMALL | {"sentences": 13})


@needs_flite
@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {"sentences": 60, "validation": 2, "test": 2, "unseen": 2, "shard_rows": 10}
    code = f"from mmzoo_datasets.flite_speech import flite_speech; flite_speech(**{arguments})"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ}, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(cache.rglob("train-00001-*.parquet")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.parquet")}
    assert 2 <= len(before) < 9, "the build was over before it could be killed"
    resumed = builder.flite_speech(**arguments)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "whole"))
    assert list(resumed["train"]) == list(builder.flite_speech(**arguments)["train"])


@needs_flite
def test_a_damaged_shard_is_named(cache: Path) -> None:
    builder.flite_speech(**SMALL)
    shard = next(cache.rglob("train-00000-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:500])
    with pytest.raises(DataError, match=re.escape(str(shard.parent))):
        builder.flite_speech(**SMALL)


@needs_flite
@pytest.mark.parametrize("text", ["-voice rms", "$(echo no); `id`", 'She said "no".', "-h"])
def test_texts_are_spoken_as_they_are(text: str) -> None:
    said = speak(text)
    assert said.wav[:4] == b"RIFF" and said.phones[0] == "pau" and len(said.phones) > 1
    assert said == speak(text)


@needs_flite
@pytest.mark.parametrize("text", ["", "   ", "-", "..."])
def test_a_text_without_sound_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        speak(text)


@needs_flite
def test_other_voices() -> None:
    slt, rms = speak("Good morning."), speak("Good morning.", "rms")
    assert slt.wav != rms.wav and [p for p in slt.phones if p != "pau"] == [p for p in rms.phones if p != "pau"]


@pytest.mark.parametrize(
    ("config", "message"),
    [({"voice": "kal"}, "'kal'"), ({"sentences": 0}, "sentences"), ({"test": 0}, "test")],
)
def test_bad_arguments(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset_component("flite-speech", **config)


@needs_flite
def test_the_lexicon(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = load_dataset_component("english-lexicon", words=150, shard_rows=70)["train"]
    assert rows["rank"] == list(range(150)) and len(set(rows["word"])) == 150
    said = dict(zip(rows["word"], rows["phones"], strict=True))
    assert said["people"] == ["p", "iy", "p", "ax", "l"] and said["don't"] == ["d", "ow", "n", "t"]
    assert all(a >= b for a, b in pairwise(rows["logprob"]))
    monkeypatch.setenv("PATH", "")
    assert list(load_dataset_component("english-lexicon", words=150, shard_rows=70)["train"]) == list(rows)


@needs_flite
def test_the_held_out_part_of_the_lexicon() -> None:
    rows = load_dataset_component("english-lexicon", words=1200, heldout_only=True)["train"]
    assert rows["word"] == [entry["word"] for entry in _entries(1200) if entry["heldout"]]
    assert all(rows["heldout"]) and all(rows["phones"])


def test_held_out_words_and_their_forms_are_marked_in_the_lexicon() -> None:
    import mmzoo_datasets

    marked = {entry["word"] for entry in _entries(60_000) if entry["heldout"]}
    unseen = {entry["word"] for entry in mmzoo_datasets.heldout()["unseen"]}
    assert unseen <= marked and len(marked) < 8 * len(unseen)
    assert "the" not in marked


@needs_flite
def test_words_are_pronounced_as_if_alone() -> None:
    words = ["cat", "isn't", "mr", "a", "o'clock", "ok", "zebra", "no"]
    assert pronounce(words) == [pronounce([word])[0] for word in words]
