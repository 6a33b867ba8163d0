"""Noises for training and tests of enhancement."""

from __future__ import annotations

import numpy as np
import pytest
from mmzoo_tts.speech_to_speech import noises
from mmzoo_tts.speech_to_speech.examples import Spoiling
from mmzoo_tts.speech_to_speech.level import LEVEL, leveled, loudness

RATE = 24_000


def tone(count: int, generator: np.random.Generator) -> noises.Samples:
    return np.sin(np.arange(count) * generator.uniform(0.01, 0.1)).astype(np.float32)


@pytest.mark.parametrize("kind", noises.KINDS)
@pytest.mark.parametrize("count", [1, 1_000, 50_001])
def test_noise_follows_from_its_seed(kind: str, count: int) -> None:
    made = [noises.noise(kind, count, RATE, np.random.default_rng(seed), tone) for seed in (1, 1, 2)]
    assert all(one.shape == (count,) and one.dtype == np.float32 and np.isfinite(one).all() for one in made)
    assert np.array_equal(made[0], made[1])
    if count > 1:
        assert not np.array_equal(made[0], made[2])
        assert np.sqrt(np.square(made[0]).mean()) == pytest.approx(1, rel=1e-3)


def test_kinds_differ_in_their_spectra() -> None:
    centers = {}
    for kind in ("white", "pink", "brown"):
        power = np.square(np.abs(np.fft.rfft(noises.noise(kind, RATE, RATE, np.random.default_rng(0), tone))))
        centers[kind] = float((power * np.arange(len(power))).sum() / power.sum())
    assert centers["white"] > 3 * centers["pink"] > 6 * centers["brown"]


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 17.5])
def test_the_ratio_is_the_one_asked_for(snr_db: float) -> None:
    generator = np.random.default_rng(0)
    speech = 0.2 * tone(RATE, generator)
    added = noises.mixed(speech, noises.noise("pink", RATE, RATE, generator, tone), snr_db) - speech
    assert 10 * np.log10(np.square(speech).mean() / np.square(added).mean()) == pytest.approx(snr_db, abs=0.01)


def test_a_room_keeps_the_direct_sound_in_place() -> None:
    click = np.zeros(RATE, np.float32)
    click[5000] = 1
    heard = noises.reverberant(click, RATE, np.random.default_rng(0))
    assert heard[5000] == pytest.approx(1, abs=1e-4) and np.abs(heard[:5000]).max() < 1e-4
    tail = np.square(heard[5001:]).sum()
    assert 0.05 < tail < 1.1 and np.square(heard[5001 : 5001 + 3000]).sum() > 0.3 * tail


def test_training_never_hears_the_kinds_that_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = set()

    def noise(kind: str, *details: object) -> noises.Samples:
        heard.add(kind)
        return np.ones(100, np.float32)

    monkeypatch.setattr(noises, "noise", noise)
    spoiling, generator = Spoiling(snr_db=(0, 10)), np.random.default_rng(0)
    for _ in range(300):
        spoiling.spoiled(np.ones(100, np.float32), RATE, generator, tone)
    assert heard == set(noises.KINDS) - set(noises.HELD_OUT) and set(noises.HELD_OUT) < set(noises.KINDS)


def test_pauses_do_not_change_the_level() -> None:
    speech = 0.3 * tone(RATE, np.random.default_rng(0))
    paused = np.concatenate([speech, np.zeros(2 * RATE, np.float32), speech])
    assert loudness(paused, RATE) == pytest.approx(loudness(speech, RATE), rel=0.02)
    assert loudness(leveled(paused, RATE), RATE) == pytest.approx(LEVEL, rel=1e-3)
    assert np.isfinite(leveled(np.zeros(10, np.float32), RATE)).all()
