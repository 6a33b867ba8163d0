"""Phone times learned from recordings: of made-up phones whose times are known, through the datasets that use them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import mmzoo_datasets.natural_speech
import numpy as np
import pytest
from mmzoo_datasets import learned_times, phone_hmm
from mmzoo_datasets.learned_times import words_of
from mmzoo_datasets.natural_speech import natural_speech
from mmzoo_datasets.own.folders import audio_folder

from mmzoo.data import encode_audio
from mmzoo.data.marks import bare, begun
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import Audio

RATE = 24_000
TONES = {"ы": (300, 900), "щ": (5000, 6500), "о": (500, 1100), "м": (200, 2500), "э": (700, 2000), "х": (1500, 3500)}
"""The two bands of noise that a phone of this language consists of, in Hz."""


class Utterance:
    """Random words of random phones.

    Args:
        seed: Of the words and of the sound.
        gap: Seconds of a pause after the second word, which its text does not have.
    """

    def __init__(self, seed: int, gap: float = 0.0) -> None:
        chance, noise = Random(seed), np.random.default_rng(seed)
        self.words = ["".join(chance.choices(list(TONES), k=chance.randint(1, 4))) for _ in range(3)]
        phones: list[tuple[str, float]] = [("pau", 0.12)]
        for number, word in enumerate(self.words):
            phones += [(phone, chance.uniform(0.05, 0.15)) for phone in begun(word)]
            phones += [("pau", gap)] if number == 1 and gap else []
        phones.append(("pau.", 0.15))
        self.text = " ".join(self.words)
        self.phones = tuple(phone for phone, _ in phones)
        self.ends_s = np.cumsum([seconds for _, seconds in phones])
        pieces = [_noise(noise, TONES.get(bare(phone)), round(seconds * RATE)) for phone, seconds in phones]
        self.audio = Audio(np.concatenate(pieces).astype(np.float32), RATE)


def _noise(chance: np.random.Generator, bands: tuple[int, int] | None, count: int) -> Any:
    spectrum = np.fft.rfft(chance.normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    gains = sum(np.exp(-(((hertz - band) / 150) ** 2)) for band in bands) if bands else 0.001 * np.ones(len(hertz))
    return 0.3 * np.fft.irfft(spectrum * gains, count)


def said(text: str) -> Any:
    """A phonemizer whose letters are phones; a comma ends a phrase."""
    if "9" in text:
        raise InputError("This text cannot be read.")
    parts = text.split(",")
    phrases = [[SimpleNamespace(phones=tuple(word)) for word in part.split()] for part in parts]
    ends = [","] * (len(parts) - 1) + ["."]
    made = [SimpleNamespace(words=words, end=end) for words, end in zip(phrases, ends, strict=True)]
    return SimpleNamespace(phrases=made)


@pytest.fixture
def speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 36 recordings with texts; their phonemizer is `mine`."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mmzoo.create", {"mine": said}.__getitem__)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # the phonemizer exists in this process only
    monkeypatch.setattr(phone_hmm, "ROUNDS", (1,) * 6)
    learned_times._phonemizer.cache_clear()
    folder = tmp_path / "speech"
    folder.mkdir()
    for seed in range(36):
        utterance = Utterance(seed, gap=0.3 if seed % 4 == 0 else 0.0)
        (folder / f"{seed:02d}.wav").write_bytes(encode_audio(utterance.audio))
        (folder / f"{seed:02d}.txt").write_text(utterance.text)
    return folder


def rows_of(folder: Path, **config: Any) -> dict[int, Any]:
    config = {"phonemizer": "mine", "aligner": "learned", "needs": ["phones"], "validation": 0, **config}
    return {int(row["id"]): row for row in audio_folder(root=str(folder), **config)["train"]}


def test_the_times_of_an_unknown_language_are_learned(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_hmm, "ROUNDS", (1, 1, 1, 1, 1, 2, 2))
    rows = rows_of(speech)
    assert len(rows) == 36
    errors = []
    for seed, row in rows.items():
        true = Utterance(seed, gap=0.3 if seed % 4 == 0 else 0.0)
        assert row["phone_set"] == "own" and row["text"] == true.text
        assert tuple(row["phones"]) == true.phones, seed  # also the pause that no text has
        assert row["phone_ends_s"][-1] == pytest.approx(true.audio.duration, abs=1e-3)
        assert all(a < b for a, b in pairwise(row["phone_ends_s"]))
        errors += list(np.abs(np.subtract(row["phone_ends_s"], true.ends_s))[:-1])
    assert np.median(errors) < 0.015
    assert np.percentile(errors, 95) < 0.05


def test_the_model_and_the_times_are_kept(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows_of(speech)
    monkeypatch.setattr(phone_hmm, "learn", lambda *_: pytest.fail("learned again"))
    monkeypatch.setattr(learned_times, "_align", lambda *_, **__: pytest.fail("aligned again"))
    assert rows_of(speech) == first
    monkeypatch.undo()


def test_an_interrupted_alignment_goes_on(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = learned_times._align, list[int]()

    def interrupted(tasks: Any, **config: Any) -> Any:
        seen.append(len(tasks))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(tasks, **config)

    monkeypatch.setattr(learned_times, "_align", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rows_of(speech)
    monkeypatch.setattr(phone_hmm, "learn", lambda *_: pytest.fail("learned again"))
    assert len(rows_of(speech)) == 36
    assert seen == [16, 16, 16, 4]  # the first part was kept


def test_texts_that_differ_from_their_speech_are_left_out_with_reasons(
    speech: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (speech / "05.txt").write_text("щщх хщщ")
    (speech / "06.txt").write_text(Utterance(6).text * 9)
    (speech / "07.txt").write_text("9")
    (speech / "08.txt").write_text("")
    (speech / "09.txt").write_text("яы")
    with caplog.at_level(logging.WARNING):
        rows = rows_of(speech)
    # Row 9's phone occurs nowhere else, and so it is learned from that row alone.
    assert set(range(36)) - set(rows) - {9} == {5, 6, 7, 8}
    assert f"{36 - len(rows)} of 36 rows" in caplog.text


def test_rows_without_a_split_to_learn_from_use_the_model_of_the_others(speech: Path) -> None:
    (speech / "train").mkdir()
    (speech / "test").mkdir()
    for file in sorted(speech.glob("*.*")):
        file.rename(speech / ("test" if int(file.stem) >= 33 else "train") / file.name)
    splits = audio_folder(
        root=str(speech), phonemizer="mine", aligner="learned", needs=["phones"], validation=0
    )  # fmt: skip
    assert len(splits["test"]) == 3
    for row in splits["test"]:
        true = Utterance(int(row["id"]), gap=0.3 if int(row["id"]) % 4 == 0 else 0.0)
        assert tuple(row["phones"]) == true.phones
        assert np.median(np.abs(np.subtract(row["phone_ends_s"], true.ends_s))) < 0.01


def test_phones_of_the_recordings_own_need_no_phonemizer(speech: Path) -> None:
    lines = ["file_name,phones"]
    for seed in range(36):
        (speech / f"{seed:02d}.txt").unlink()
        lines.append(f"{seed:02d}.wav,{' '.join(Utterance(seed).phones[1:-1])}")
    (speech / "metadata.csv").write_text("\n".join(lines))
    for aligner in ("pocketsphinx", "learned"):
        rows = rows_of(speech, phonemizer=None, aligner=aligner)
        assert tuple(rows[1]["phones"]) == (*Utterance(1).phones[:-1], "pau")
        assert np.median(np.abs(np.subtract(rows[1]["phone_ends_s"], Utterance(1).ends_s))) < 0.01


def test_too_few_recordings_are_refused(speech: Path) -> None:
    for seed in range(learned_times.FEWEST - 1, 36):
        (speech / f"{seed:02d}.wav").unlink()
    with pytest.raises(DataError, match=f"{learned_times.FEWEST - 1} recordings.*{learned_times.FEWEST}"):
        rows_of(speech)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ab c, d", ["pau", "_a b", "_c", "pau,", "_d", "pau."]),
        (["a", "b"], ["pau", "a b", "pau"]),
        (["pau", "_a", "pau?", "pau", "b", "c"], ["pau", "_a", "pau?", "b c", "pau"]),
    ],
)
def test_words_and_pauses_of_texts_and_phones(speech: Path, given: Any, words: list[str]) -> None:
    assert [" ".join(word) for word in words_of(given, "mine")] == words


@pytest.mark.parametrize("given", ["", ",", [], ["pau"]])
def test_nothing_to_say_is_refused(speech: Path, given: Any) -> None:
    with pytest.raises(InputError):
        words_of(given, "mine")


def test_natural_speech_has_the_phones_of_its_phonemizer(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {Utterance(seed).text: seed for seed in range(36)}
    module = mmzoo_datasets.natural_speech
    monkeypatch.setattr(module, "corpus_texts", lambda *_: (list(texts)[:34], list(texts)[34:]))
    monkeypatch.setattr(module, "pool_of", lambda *_, **__: _Here())
    monkeypatch.setattr(
        module, "speak_part", lambda _, __, part: [encode_audio(Utterance(texts[text]).audio) for text in part]
    )
    monkeypatch.setattr(module, "check_teacher", lambda voice: None)
    config: dict[str, Any] = {"sentences": 32, "validation": 2, "test": 2, "phonemizer": "mine"}
    assert "phones" not in natural_speech(**config)["train"].column_names
    splits = natural_speech(**config, needs=["audio", "phones"])
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 32, "validation": 2, "test": 2}
    for row in splits["test"]:
        assert tuple(row["phones"]) == Utterance(texts[row["text"]]).phones


class _Here:
    """A pool of no processes."""

    map: Callable[..., Any] = staticmethod(map)

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass
