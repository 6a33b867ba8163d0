"""Spoken words: every voice says every word at every rate of its split, and no voice speaks in two."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest
from mmzoo_datasets import spoken_words as corpus
from mmzoo_datasets.spoken_words import RATES, VOICES, WORDS

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import ConfigError, DataError

spoken = pytest.mark.skipif(
    not (shutil.which("flite") and shutil.which("espeak-ng")), reason="flite or espeak-ng is not installed"
)
FEW = {"train": ("flite:kal16", "espeak:en-us"), "validation": ("espeak:en-us+f5",), "test": ("espeak:en-us+m2",)}


@pytest.fixture
def few(monkeypatch):
    """Two rates and four voices."""
    monkeypatch.setattr(corpus, "VOICES", FEW)
    monkeypatch.setattr(corpus, "RATES", dict.fromkeys(FEW, (0.8, 1.25)))


def test_no_voice_is_in_two_splits():
    assert all(not set(a) & set(b) for a, b in itertools.combinations(VOICES.values(), 2))
    assert len(WORDS) * len(set(VOICES["train"])) * len(set(RATES["train"])) == 1344


@spoken
def test_every_voice_says_every_word_at_every_rate(few):
    rows = load_dataset_component("spoken-words", words=["red", "star"], shard_rows=3)
    assert {split: len(some) for split, some in rows.items()} == {"train": 8, "validation": 4, "test": 4}
    assert {(row["label"], row["speaker"]) for row in rows["train"]} == set(
        itertools.product(("red", "star"), FEW["train"])
    )
    assert all(row["text"] == row["label"] and row["split"] == "train" for row in rows["train"])
    assert len(set(rows["train"]["id"])) == 8
    slow, fast = (decode_audio(cell, sample_rate=16000) for cell in rows["train"]["audio"][:2])
    assert slow.duration > 1.2 * fast.duration and np.abs(fast.samples).max() > 0.05


@spoken
def test_a_killed_build_goes_on_and_gives_the_same(few, cache, tmp_path, monkeypatch):
    real, said = corpus.speak, []

    def dying(*saying):
        said.append(saying)
        if len(said) > 4:
            raise KeyboardInterrupt
        return real(*saying)

    monkeypatch.setattr(corpus, "speak", dying)
    with pytest.raises(KeyboardInterrupt):
        corpus.spoken_words(words=["red"], shard_rows=2)
    done = {path: path.stat().st_mtime_ns for path in cache.rglob("*.parquet")}
    assert done
    monkeypatch.setattr(corpus, "speak", real)
    rows = corpus.spoken_words(words=["red"], shard_rows=2)
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "another"))
    again = corpus.spoken_words(words=["red"], shard_rows=2)
    assert all(rows[split].to_list() == again[split].to_list() for split in rows)


@pytest.mark.parametrize(
    "arguments", [{"words": []}, {"words": ["red", "red"]}, {"words": ["two words"]}, {"shard_rows": 0}]
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        load_dataset_component("spoken-words", **arguments)


def test_without_a_synthesiser_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="flite"):
        load_dataset_component("spoken-words")
