"""Metrics with known answers, and that they rank sounds as an ear would."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.errors import InputError
from mmzoo.evaluation.recogniser import fit, listen
from mmzoo.evaluation.runner import flatten, tidy
from mmzoo.evaluation.sound import cepstra, harmonics, high_band_distance, intelligibility, pitch, prosody, warp
from mmzoo.evaluation.words import ErrorRate, difference, edits, plain
from mmzoo.interfaces import Audio

symbols = st.lists(st.sampled_from("abcd"), max_size=8)


def test_edits_of_known_cases():
    assert edits(["the", "cat", "sat"], ["the", "cat", "sat"]) == (0, 0, 0)
    assert edits(["the", "cat", "sat"], ["the", "bat", "sat"]) == (1, 0, 0)
    assert edits(["the", "cat", "sat"], ["cat", "sat"]) == (0, 1, 0)
    assert edits(["the", "cat"], ["the", "the", "cat"]) == (0, 0, 1)
    assert edits([], ["a"]) == (0, 0, 1)


@settings(max_examples=100, deadline=None)
@given(symbols, symbols)
def test_edits_are_a_distance_and_agree_with_jiwer(a, b):
    assert sum(edits(a, b)) == sum(edits(b, a))
    assert (sum(edits(a, b)) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= sum(edits(a, b)) <= max(len(a), len(b))
    if a and b:
        jiwer = pytest.importorskip("jiwer")
        found = jiwer.process_words(" ".join(a), " ".join(b))
        assert sum(edits(a, b)) == found.substitutions + found.deletions + found.insertions


def test_rates_are_pooled_not_averaged():
    rates = ErrorRate.of([["a"], ["a"] * 9], [["b"], ["a"] * 9])
    assert rates.rate == pytest.approx(0.1)
    assert rates.parts() == {"substituted": pytest.approx(0.1), "skipped": 0.0, "added": 0.0}


def test_interval_of_a_difference_holds_it_and_is_zero_for_equals():
    base = ErrorRate.of([["a", "b"]] * 50, [["a", "b"]] * 50)
    worse = ErrorRate.of([["a", "b"]] * 50, [["a", "b"]] * 25 + [["a", "c"]] * 25)
    result = difference(worse, base)
    assert result["difference"] == pytest.approx(0.25)
    assert result["low"] < 0.25 < result["high"]
    assert difference(base, base) == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_plain_text():
    assert plain("Don't stop, Dr. Smith!") == ["don't", "stop", "dr", "smith"]


def tone(hertz, seconds=0.6, rate=16000):
    time = np.arange(int(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9))
    return Audio((0.2 * wave).astype(np.float32), rate)


@pytest.mark.parametrize("hertz", [90, 123.4, 180, 240, 333])
def test_pitch_of_a_tone(hertz):
    found = pitch(tone(hertz))[4:-6]
    assert (found > 0).all() and np.abs(found / hertz - 1).max() < 0.01


def test_noise_and_silence_have_no_pitch():
    noise = Audio(0.1 * np.random.default_rng(0).standard_normal(9600).astype(np.float32), 16000)
    assert (pitch(noise) > 0).mean() < 0.2
    assert (pitch(Audio(np.zeros(9600, np.float32), 16000)) == 0).all()


def test_warping_finds_a_known_stretch():
    a = np.random.default_rng(0).standard_normal((20, 3))
    i, j = warp(a, np.repeat(a, 2, axis=0))
    assert (np.abs(i - j // 2) <= 0).all() and j[-1] == 39


def test_distances_grow_with_damage():
    generator = np.random.default_rng(1)
    clean = tone(150, 1.2)
    damaged = [
        Audio((clean.samples + scale * generator.standard_normal(len(clean.samples))).astype(np.float32), 16000)
        for scale in (0.0, 0.01, 0.1)
    ]
    mcd = [prosody(clean, d)["mcd_mfcc13"] for d in damaged]
    band = [high_band_distance(clean, d) for d in damaged]
    assert mcd[0] == pytest.approx(0, abs=1e-4) and mcd[0] < mcd[1] < mcd[2]
    assert band[0] == pytest.approx(0, abs=1e-4) and band[0] < band[1] < band[2]
    assert cepstra(clean).shape[1] == 13


def test_noise_in_place_of_harmonics_is_noticed():
    time = np.arange(19200) / 16000
    low, high = (
        sum(np.sin(2 * np.pi * 150 * k * time + k * k) for k in range(first, last))
        for first, last in ((1, 13), (13, 30))
    )
    noise = np.random.default_rng(2).standard_normal(len(time)) * np.std(high)
    crisp, smeared, gone = (
        Audio(np.asarray(0.02 * (low + share * high + (1 - share) * noise), np.float32), 16000) for share in (1, 0.5, 0)
    )
    found = [harmonics(sound, pitch(crisp)) for sound in (crisp, smeared, gone)]
    assert found[0] > 0.9 and found[0] > found[1] + 0.1 > found[2] + 0.2
    assert np.isnan(harmonics(crisp, np.zeros(10)))


def test_reports_are_rounded_and_flattened():
    report = tidy({"a": {"b": 0.123456, "n": 3}, "name": "x", "flag": True})
    assert flatten(report) == [("a.b", 0.1235), ("a.n", 3)]


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_metrics_rank_speech_over_noisy_speech_over_noise(tmp_path, monkeypatch):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("pystoi")
    import subprocess

    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    text = "The old man and the young woman walked home together."
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(tmp_path / "a.wav")], check=True)
    clean = Audio.load(tmp_path / "a.wav")
    generator = np.random.default_rng(0)

    def noisy(scale):
        noise = scale * generator.standard_normal(len(clean.samples))
        return Audio((clean.samples + noise).astype(np.float32), clean.sample_rate)

    sounds = [clean, noisy(0.02), Audio(noisy(0.1).samples - clean.samples, clean.sample_rate)]
    heard = listen(sounds, processes=1)
    rates = [ErrorRate.of([plain(text)], [plain(h.words)]).rate for h in heard]
    assert rates[0] <= rates[1] <= rates[2] and rates[0] < 0.4 and rates[2] > 0.8
    assert listen(sounds, processes=1) == heard
    # The right words fit clean speech best, wrong words worse; a word nobody can look up is no word's fault.
    right, wrong = plain(text), plain("A little girl asked them for some bread and milk.")
    scores = [float(np.mean(found)) for found in fit([clean, sounds[1], clean], [right, right, wrong])]
    assert 0 >= scores[0] > scores[1] > scores[2]
    assert len(fit([clean], [right])[0]) == len(right)
    assert fit([clean], [["zzxqy"]]) == [[]]
    estoi = [intelligibility(clean, s)["estoi"] for s in sounds]
    assert estoi[0] > 0.99 > estoi[1] > estoi[2]


def test_the_judge_says_what_sample_rate_it_takes():
    with pytest.raises(InputError, match="16000 Hz"):
        listen([Audio(np.zeros(100, np.float32), 8000)])
