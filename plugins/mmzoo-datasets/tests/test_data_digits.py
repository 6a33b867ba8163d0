"""Spoken digits: fixed splits by picture and by voice, and the two ways of making them hard."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmzoo.data import load_dataset_component
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Audio

pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
from mmzoo_datasets.digits import SPLITS, VOICES, WORDS, add_noise, cut_energy, handwritten, lose_letters, split_indices


def test_no_picture_and_no_voice_is_in_two_splits():
    indices = np.concatenate([split_indices(split) for split in SPLITS])
    assert sorted(indices) == list(range(1797))
    assert all(not set(a) & set(b) for a, b in itertools.combinations(VOICES.values(), 2))


def test_less_energy_is_a_picture_farther_from_the_real_one():
    pixels = handwritten()[0][:50]
    errors = [float(np.abs(cut_energy(pixels, share) - pixels).mean()) for share in (0.0, 0.1, 0.5, 0.9)]
    assert errors[0] == 0 and errors == sorted(errors) and errors[-1] > 0.05


def test_noise_has_the_asked_level():
    tone = Audio(np.sin(np.arange(16000) * 0.1).astype(np.float32) * 0.3, 16000)
    for snr in (20.0, 0.0, -5.0):
        noisy = add_noise(tone, snr, seed=1).samples.astype(np.float64)
        gain = noisy @ tone.samples / (tone.samples @ tone.samples)
        noise = noisy - gain * tone.samples
        measured = 10 * np.log10(np.mean((gain * tone.samples) ** 2) / np.mean(noise**2))
        assert measured == pytest.approx(snr, abs=0.3)


def test_letters_are_lost_at_their_rate_and_always_the_same():
    words = [lose_letters("seven", 0.6, seed) for seed in range(400)]
    assert 0.55 < sum(word.count("_") for word in words) / 2000 < 0.65
    assert all(len(word) == 5 for word in words) and words == [lose_letters("seven", 0.6, seed) for seed in range(400)]
    assert lose_letters("seven", 0.0, 1) == "seven"


def test_rows_are_digits_and_their_words(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    rows = load_dataset_component("spoken-digits", speech=False, side=16)
    assert {name: len(split) for name, split in rows.items()} == SPLITS
    first = rows["test"][0]
    assert first["text"] == WORDS[int(first["label"])]
    again = load_dataset_component("spoken-digits", speech=False, side=16)["test"][0]
    assert again == first


def test_degraded_digits_are_of_all_levels(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    rows = load_dataset_component("degraded-digits", speech=False, side=8)
    assert {name: len(split) for name, split in rows.items()} == {
        "train": 4 * SPLITS["train"], "validation": 4 * SPLITS["validation"],
        "test": SPLITS["test"], "test_degraded": SPLITS["test"],
    }  # fmt: skip
    assert len(set(rows["train"]["id"])) == len(rows["train"])
    lost = {name: "".join(rows[name]["text"]).count("_") for name in ("test", "test_degraded")}
    assert lost["test"] == 0 < lost["test_degraded"]
    assert rows["test"]["label"] == rows["test_degraded"]["label"]


@pytest.mark.parametrize("arguments", [{"side": 4}, {"energy_cut": 1.0}, {"letters_lost": 1.0}])
def test_bad_arguments_are_refused(tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        load_dataset_component("spoken-digits", **arguments)
