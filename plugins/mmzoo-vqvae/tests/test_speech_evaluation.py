"""The evaluation of a speech tokenizer, of any rate and with any voices: with judges and data that only pretend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from mmzoo_vqvae import evaluate

from mmzoo.data import DataGuess, encode_audio
from mmzoo.errors import DataError
from mmzoo.evaluation.heldout import HeldOut
from mmzoo.evaluation.speech import Heard, Panel
from mmzoo.interfaces import Audio

pytest.importorskip("pystoi")


class Ear:
    """Hears the same words in every sound."""

    name = "ear"

    def __init__(self) -> None:
        self.heard = 0

    def listen(self, sounds: Sequence[Audio], *, description: str = "") -> list[Heard]:
        self.heard += len(sounds)
        return [Heard("some words", ()) for _ in sounds]

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        return []

    def fit(self, sounds: Sequence[Audio], texts: Any, *, description: str = "") -> list[list[float]]:
        return [[] for _ in sounds]


class Loudness:
    name = "loudness"

    def rate(self, sounds: Sequence[Audio], *, description: str = "") -> list[dict[str, float]]:
        return [{"level": float(np.abs(sound.samples).max())} for sound in sounds]


class Halving:
    """A tokenizer whose copies are half as loud; one code a sample, so that nothing else changes."""

    name, folder = "halving", None
    encoder = SimpleNamespace(rate=100)
    quantizer = SimpleNamespace(bits_per_step=8, codebook_sizes=(256,))

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.kept = np.zeros(0, np.float32)

    def tokenize(self, audio: Audio) -> torch.Tensor:
        assert audio.sample_rate == self.sample_rate
        self.kept = audio.samples
        return torch.arange(50).remainder(256).reshape(1, -1, 1)

    def reconstruct(self, codes: torch.Tensor) -> Audio:
        return Audio(np.pad(self.kept, (0, 37)) / 2, self.sample_rate)

    def __call__(self, audio: Audio) -> Audio:
        return audio


def spoken(count: int, rate: int, *speakers: str, text: str = "some words") -> Dataset:
    generator = np.random.default_rng(0)
    time = np.arange(rate) / rate
    rows = []
    for speaker in speakers:
        for index in range(count):
            wave = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 9)) * (time % 0.3 < 0.2)
            samples = 0.2 * wave + 0.01 * generator.standard_normal(rate)
            cell = {"bytes": encode_audio(Audio(samples.astype(np.float32), rate)), "path": None}
            rows.append({"id": str(index), "text": text, "audio": cell, "speaker": speaker})
    return Dataset.from_list(rows)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The datasets that the evaluation asked for; voices of espeak-ng cannot be had."""
    loaded: list[tuple[str, Any]] = []

    def load(name: str, **config: Any) -> Mapping[str, Dataset]:
        loaded.append((name, config.get("voice")))
        if str(config.get("voice")).startswith("espeak:"):
            raise DataError("no espeak-ng")
        if name == "spoken-texts":
            return DatasetDict(test=spoken(2, 16000, "other"))
        return DatasetDict(train=spoken(2, 16000, "other", text="по-русски"))

    monkeypatch.setattr(evaluate, "load_dataset_component", load)
    return loaded


def evaluated(monkeypatch: pytest.MonkeyPatch, rows: Dataset, rate: int, ear: Ear, **options: Any) -> dict[str, Any]:
    held = HeldOut((DataGuess("hums", {}, "hums"),), ({"test": rows},))
    monkeypatch.setattr(evaluate, "held_out", lambda model, data, needed, **sizes: held)
    monkeypatch.setattr(Panel, "of", lambda names: Panel({"ear": ear}, {"loudness": Loudness()}))
    return evaluate.evaluate_speech_tokenizer(Halving(rate), **options)


@pytest.mark.parametrize("rate", [16000, 24000])
def test_rows_of_training_voices_unseen_voices_and_recordings(
    monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, Any]], rate: int, tmp_path: Path
) -> None:
    ear = Ear()
    report = evaluated(monkeypatch, spoken(2, 24000, "heart", "rms"), rate, ear, samples=tmp_path)
    assert asked == [("spoken-texts", "flite:awb"), ("spoken-texts", "espeak:en-us+f3"), ("festvox-ru", None)]
    assert list(report["voices"]) == ["heart", "rms", "unseen flite:awb", "recordings festvox-ru"]
    assert report["without"] == {"an unseen voice of espeak-ng": "no espeak-ng"}
    assert report["protocol"]["sentences"] == 4 and "heart, rms" in report["protocol"]["data"]
    for part in (report, *report["voices"].values()):
        louder = {row: part["rows"][row]["ratings"]["level"]["mean"] for row in ("teacher", "copy")}
        assert louder["copy"] == pytest.approx(louder["teacher"] / 2, rel=0.01)
        assert part["differences"]["copy"]["ratings"]["level"]["high"] < 0 and part["distances"]["stoi"] > 0.99
    recordings = report["voices"]["recordings festvox-ru"]["rows"]
    assert "wer" not in recordings["copy"] and report["voices"]["unseen flite:awb"]["rows"]["copy"]["wer"] == 0
    assert ear.heard == 2 * (2 + 2 + 2)  # of training and unseen; this listener does not know the recordings' language
    speed = report["speed"]
    assert speed["decode_times_real_time_1_thread"] > 1 < speed["decode_times_real_time_2_threads"]
    assert (tmp_path / "1-copy.ogg").is_file()


@pytest.mark.usefixtures("asked")
def test_one_voice_stands_at_the_top_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    report = evaluated(monkeypatch, spoken(3, 16000, "slt"), 16000, Ear(), limit=2)
    assert report["protocol"]["sentences"] == 2 and "slt" not in report["voices"]
    assert torch.get_num_threads() == threads


def test_voices_and_recordings_of_training_are_not_unseen(
    monkeypatch: pytest.MonkeyPatch, asked: list[tuple[str, Any]]
) -> None:
    monkeypatch.setattr(evaluate, "mentions", lambda model, name: name in ("flite:rms", "flite:awb", "festvox-ru"))
    evaluated(monkeypatch, spoken(1, 16000, "kal16"), 16000, Ear())
    assert asked == [("spoken-texts", "flite:slt"), ("spoken-texts", "espeak:en-us+f3")]
