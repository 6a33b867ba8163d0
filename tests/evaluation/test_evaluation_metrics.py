"""Metrics with known answers, and that they rank sounds as an ear would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.evaluation.runner import tidy
from mmzoo.evaluation.sound import cepstra, harmonics, high_band_distance, pitch, prosody, warp
from mmzoo.evaluation.words import ErrorRate, accuracies, capped, difference, edits, language_of, mismatches, plain
from mmzoo.hub.card_results import flatten
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


def test_insertions_do_not_make_an_accuracy_negative():
    counts = np.array([[3, 2, 4, 5], [0, 0, 0, 5]], np.int64)
    assert capped(ErrorRate(counts)).rate == 0.5


def test_accuracies_are_of_what_the_rows_have():
    found = accuracies([{"color": [True, False], "shape": [True]}, {"color": [True]}])
    assert found["color"] == pytest.approx(2 / 3) and found["shape"] == 1
    assert found["all"]["share"] == pytest.approx(3 / 4) and found["all"]["low"] <= 3 / 4 <= found["all"]["high"]
    assert mismatches(["a", "b"], ["a", "c"]).rate == 0.5


def test_plain_text():
    assert plain("Don't stop, Dr. Smith!") == plain("don't stop doctor smith") == ["don't", "stop", "doctor", "smith"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A café, naïve?", ["a", "cafe", "naive"]),
        ("Ещё раз — «Мой» ёж.", ["еще", "раз", "мои", "еж"]),
        ("It's 5 o'clock_now", ["it's", "o'clock", "now"]),
    ],
)
def test_words_of_any_alphabet_without_diacritics(text, words):
    assert plain(text) == words


def test_the_language_is_that_of_most_letters():
    assert language_of(["Hello there.", "Да"]) == "en" == language_of([]) == language_of(["123"])
    assert language_of(["Он сказал: hello"]) == "ru"


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
    assert list(flatten(report)) == [("a.b", 0.1235), ("a.n", 3)]
