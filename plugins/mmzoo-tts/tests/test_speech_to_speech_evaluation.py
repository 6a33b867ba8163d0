"""The metrics of voice conversion and speech enhancement tell a model that works from one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmzoo_tts.speech_to_speech import evaluate_conversion, evaluate_enhancement, noises
from mmzoo_tts.speech_to_speech.judging import Said
from mmzoo_tts.speech_to_speech.results import (
    conversion_numbers,
    conversion_tables,
    enhancement_numbers,
    enhancement_tables,
)
from mmzoo_tts.speech_to_speech.tasks import TEACHERS

from mmzoo.errors import DataError
from mmzoo.evaluation.sound import si_sdr
from mmzoo.evaluation.speakers import nearest, similarities
from mmzoo.evaluation.speech import Heard
from mmzoo.interfaces import Audio

RATE = 24_000
LETTERS = "abcdefghij"
PITCH = {"hibari:heart": 1.0, "piper:joe": 1.5, "flite:slt": 2.0, "flite:rms": 2.5}
"""Of the voices of this test, relative to each other; all others follow."""


def said(voice: str, number: int) -> Audio:
    """A tone for the voice, and one for the text."""
    time = np.arange(RATE // 4) / RATE
    hertz = 200 * PITCH.setdefault(voice, 1.0 + 0.5 * len(PITCH))
    tones = 0.2 * np.sin(2 * np.pi * hertz * time) + 0.1 * np.sin(2 * np.pi * (4000 + 40 * number) * time)
    return Audio(tones.astype(np.float32), RATE)


def spectrum(sound: Audio) -> Any:
    return np.abs(np.fft.rfft(sound.samples[: RATE // 4]))


def voice_of(sound: Audio) -> str:
    peak = 4 * float(spectrum(sound)[:500].argmax())
    return min(PITCH, key=lambda voice: abs(200 * PITCH[voice] - peak))


def number_of(sound: Audio) -> int:
    return round((4 * (900 + spectrum(sound)[900:3000].argmax()) - 4000) / 40) % 10


def clear(sound: Audio) -> bool:
    return bool(spectrum(sound)[900:3000].max() > 30 * np.median(spectrum(sound)))


class Listener:
    """Hears the text, unless there is much noise."""

    name = "a listener"

    def listen(self, sounds: Any, *, description: str = "") -> list[Heard]:
        return [Heard(f"text {LETTERS[number_of(sound)]}" if clear(sound) else "noise", ()) for sound in sounds]


class Knower:
    """Knows voices by their pitch."""

    name = "a knower"

    def embed(self, sounds: Any, *, description: str = "") -> Any:
        return np.stack([np.eye(20)[list(PITCH).index(voice_of(sound))] for sound in sounds])


class Rater:
    """Prefers little noise."""

    name = "a rater"

    def rate(self, sounds: Any, *, description: str = "") -> list[dict[str, float]]:
        return [{"overall": -float(np.log(np.median(spectrum(s)) + 1e-6)), "p808": 3.0} for s in sounds]


class Model:
    """Converts perfectly, or not at all."""

    sample_rate, num_steps = RATE, 2

    def __init__(self, voices: list[str], works: bool) -> None:
        self.voices, self.works = voices, works

    def convert(self, sound: Audio, *, voice: str | None = None) -> Audio:
        if not self.works:
            return sound
        return said(voice_of(sound) if voice is None else TEACHERS[voice], number_of(sound))


def held_out(voices: Any, count: int, model: Any) -> dict[str, list[Said]]:
    return {voice: [Said(f"text {LETTERS[n % 10]}", said(voice, n % 10)) for n in range(count)] for voice in voices}


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"whisper": Listener(), "resemblyzer": Knower(), "dnsmos": Rater()}
    for module in (evaluate_conversion, evaluate_enhancement):
        monkeypatch.setattr(module, "load_judge", found.__getitem__)
        monkeypatch.setattr(module, "held_out", held_out)
    recorded = held_out(["festvox-ru"], 40, None)["festvox-ru"]
    monkeypatch.setattr(evaluate_conversion, "recordings", lambda model: recorded)


@pytest.mark.parametrize("works", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_conversion(judges: None, works: bool, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    model = Model(list(TEACHERS), works)
    report = evaluate_conversion.evaluate_conversion(model, limit=14, samples=tmp_path if works else None)
    for group in ("seen", "unseen", "recorded"):
        assert report["target_told"][group]["share"] == works
        assert (report["similarity"][group]["to_target"] > report["similarity"][group]["to_source"]) == works
    assert set(report["rows"]) == {"seen_input", "seen", "unseen_input", "unseen"}
    for group in ("seen", "unseen"):
        assert report["rows"][group]["wer"] == report["rows"][f"{group}_input"]["wer"] == 0
        assert report["differences"][group]["wer"] == {"difference": 0, "low": 0, "high": 0}
    assert set(report["by_source"]) == {voice for voices in evaluate_conversion.SOURCES.values() for voice in voices}
    assert sum(row["sentences"] for row in report["by_source"].values()) == 28
    assert "| unseen voices | 0.0 | 0.0 |" in conversion_tables(report)
    assert "| recorded voices | - | - |" in conversion_tables(report)
    assert any("times real time" in block for block in conversion_numbers(report))
    if works:
        assert len(list(tmp_path.glob("*-source.ogg"))) == 3 and (tmp_path / "spectrogram.png").exists()
        assert (tmp_path / "texts.json").read_text().count(", unseen)") == 1


def test_a_voice_is_never_converted_to_itself(judges: None) -> None:
    spoken = held_out(TEACHERS.values(), 70, None)
    jobs = evaluate_conversion.jobs_of(list(TEACHERS), list(TEACHERS.values()), spoken)
    assert len(jobs) == 40
    assert all(TEACHERS[target] != source for source, _, target in jobs)
    assert {(source, target) for source, _, target in jobs} == {
        (source, target) for source in TEACHERS.values() for target in TEACHERS if TEACHERS[target] != source
    }


def test_a_voice_without_a_known_synthesizer_cannot_be_judged(judges: None) -> None:
    with pytest.raises(DataError, match="Elvis"):
        evaluate_conversion.evaluate_conversion(Model(["heart", "Elvis"], True))


@pytest.mark.parametrize("works", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_enhancement(judges: None, works: bool, tmp_path: Path) -> None:
    pytest.importorskip("noisereduce")
    pytest.importorskip("matplotlib")
    report = evaluate_enhancement.evaluate_enhancement(Model([], works), limit=6, samples=tmp_path if works else None)
    rows, changes = report["rows"], report["differences"]["model_against_noisy"]
    assert list(rows) == ["clean", "noisy", "spectral_gating", "model"]
    assert "si_sdr_db" not in rows["clean"] and rows["noisy"]["si_sdr_db"] == pytest.approx(5, abs=0.5)
    assert (rows["model"]["overall"] > rows["noisy"]["overall"]) == works
    assert (changes["overall"]["low"] > 0) == works
    assert rows["model"]["wer"] <= rows["noisy"]["wer"] and rows["clean"]["wer"] == 0
    assert list(report["by_ratio_db"]) == ["0", "5", "10"] and set(report["by_noise"]) == set(
        evaluate_enhancement.NOISES
    )
    noisy = [part["rows"]["noisy"]["si_sdr_db"] for part in report["by_ratio_db"].values()]
    assert noisy == pytest.approx([0, 5, 10], abs=0.7)
    assert "| 10 dB |" in enhancement_tables(report) and "| chirps |" in enhancement_tables(report)
    assert "times real time" in enhancement_numbers(report)[-1]
    if works:
        assert (tmp_path / "1-noisy.ogg").exists() and (tmp_path / "2-spectral_gating.ogg").exists()


def test_tests_have_kinds_of_noise_that_training_has_not() -> None:
    assert set(noises.HELD_OUT) < set(evaluate_enhancement.NOISES) and set(evaluate_enhancement.NOISES) & set(
        noises.TRAINED
    )


def test_the_distortion_ratio_ignores_loudness_and_counts_noise() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal(RATE).astype(np.float32)
    y = generator.standard_normal(RATE).astype(np.float32)
    for gain in (1, -0.3):
        other = Audio(gain * (x + 0.1 * y), RATE)
        assert si_sdr(Audio(x, RATE), other) == pytest.approx(20, abs=0.3)
    assert si_sdr(Audio(x, RATE), Audio(y, RATE)) < -20


def test_the_speaker_is_the_one_whose_sounds_are_alike() -> None:
    references = {"a": np.array([[1.0, 0.0], [0.6, 0.8]]), "b": np.array([[-1.0, 0.0]])}
    vectors = np.array([[0.8, 0.6], [-0.6, 0.8], [0.0, 1.0]])
    assert nearest(vectors, references) == ["a", "b", "a"]
    assert similarities(vectors, vectors).tolist() == pytest.approx([1, 1, 1])
