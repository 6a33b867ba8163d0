"""Utterances of one text are compared in time, by phones or by sound."""

from __future__ import annotations

import numpy as np
import pytest
from mmzoo_tts.speech_to_speech import warping

RATE = 24_000


def test_phones_of_other_lengths_give_a_map_linear_in_each_phone() -> None:
    pivot = (["pau", "a", "b", "pau"], [0.1, 0.3, 0.5, 0.6])
    own = (["pau", "a", "b", "pau"], [0.2, 0.3, 0.9, 1.0])
    times = warping.by_phones(pivot, own, 0.6)
    assert times is not None and len(times) == 31
    wanted = {0.0: 0.0, 0.04: 0.08, 0.1: 0.2, 0.2: 0.25, 0.3: 0.3, 0.4: 0.6, 0.5: 0.9, 0.6: 1.0}
    for at, value in wanted.items():
        assert times[round(at * 50)] == pytest.approx(value, abs=1e-4)


def test_a_phone_that_only_one_has_is_passed_over() -> None:
    pivot = (["pau", *"abcdefgh", "pau"], np.arange(1, 11) / 10)
    own = (["pau", *"abcd", "x", *"efgh", "pau"], np.arange(1, 12) / 10)
    times = warping.by_phones(pivot, own, 1.0)
    assert times is not None
    assert times[20] == pytest.approx(0.4, abs=1e-4) and times[40] == pytest.approx(0.9, abs=1e-4)
    assert warping.by_phones(pivot, (list("zyxwv"), [0.1, 0.2, 0.3, 0.4, 0.5]), 1.0) is None
    assert warping.by_phones((["a"], [0.1]), (["b"], [0.1]), 0.1) is None


def vowels(lengths_s: list[float], hertz: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five vowels of these lengths, and the times in seconds at which they end."""
    chance = np.random.default_rng(seed)
    formants = [(750, 1200), (300, 2300), (320, 800), (500, 1800), (650, 1000)]
    parts = []
    for length, some in zip(lengths_s, formants, strict=True):
        at = np.arange(int(length * RATE)) / RATE
        harmonics = np.arange(1, int(5000 / hertz))[:, None]
        gains = sum(np.exp(-(((harmonics * hertz - f) / 200) ** 2)) for f in some) + 0.01
        parts.append((gains * np.sin(2 * np.pi * harmonics * hertz * at)).sum(0))
    sound = 0.1 * np.concatenate(parts) + 1e-3 * chance.standard_normal(sum(map(len, parts)))
    return sound.astype(np.float32), np.cumsum(lengths_s)


def test_sounds_of_other_lengths_and_voices_are_compared() -> None:
    a, ends_a = vowels([0.3, 0.2, 0.4, 0.2, 0.3], 110, 0)
    b, ends_b = vowels([0.2, 0.4, 0.3, 0.5, 0.2], 190, 1)
    times = warping.by_sound(a, b, RATE)
    assert len(times) == round(len(a) / RATE * 50) + 1
    assert (np.diff(times) > 0).all() and times[0] < 0.02 and times[-1] == pytest.approx(len(b) / RATE, abs=0.02)
    for end_a, end_b in zip(ends_a[:-1], ends_b[:-1], strict=True):
        assert times[round(end_a * 50)] == pytest.approx(end_b, abs=0.05)


def test_an_utterance_is_in_time_with_itself_and_two_maps_make_a_third() -> None:
    a, _ = vowels([0.3, 0.2, 0.4, 0.2, 0.3], 110, 0)
    b, ends_b = vowels([0.2, 0.4, 0.3, 0.5, 0.2], 190, 1)
    c, ends_c = vowels([0.4, 0.3, 0.2, 0.3, 0.4], 150, 2)
    own = warping.by_sound(a, a, RATE)
    assert np.allclose(own, np.arange(len(own)) / 50, atol=1e-3)
    maps = [warping.by_sound(a, other, RATE) for other in (b, c)]
    found = warping.between(maps[1], maps[0], ends_b[:-1])
    assert np.allclose(found, ends_c[:-1], atol=0.07)
    at = np.linspace(0.1, 1.4, 20)
    assert np.allclose(warping.between(maps[0], maps[0], at), at, atol=1e-3)


@pytest.mark.parametrize("count", [1, 100, 480, 2500])
def test_short_sounds_have_maps_too(count: int) -> None:
    sound = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    times = warping.by_sound(sound, sound[: count // 2 + 1], RATE)
    assert len(times) == warping.frames_of(count / RATE) + 1 and (np.diff(times) >= 0).all()
