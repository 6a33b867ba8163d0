"""The core's `mmzoo.data`: decoding, resampling, the row schema, and building a dataset by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from datasets import DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_datasets.phones import phone_columns

from mmzoo.data import (
    COLUMNS,
    cache_dir,
    decode_audio,
    encode_audio,
    load_dataset_component,
    make_row,
    resample,
    row_features,
    to_dataset,
)
from mmzoo.errors import ConfigError, ConfigTypeError, DataError, UnknownKeyError, UnknownNameError
from mmzoo.interfaces import Audio


def tone(rate: int, seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray[Any, Any]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
def test_audio_survives_a_cell(format: str, tmp_path: Path) -> None:
    audio = Audio(tone(16_000), 16_000)
    content = encode_audio(audio, format)
    (tmp_path / "a").write_bytes(content)
    for cell in ({"bytes": content, "path": None}, {"bytes": None, "path": str(tmp_path / "a")}, {"bytes": content}):
        found = decode_audio(cell)
        assert found.sample_rate == 16_000 and found.samples.dtype == np.float32
        np.testing.assert_allclose(found.samples, audio.samples, atol=1 / 32768)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(16_000, hertz=300), tone(16_000, hertz=700)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(decode_audio({"path": str(tmp_path / "a.wav")}).samples, (left + right) / 2, atol=1e-6)


def wav(samples: np.ndarray[Any, Any], rate: int, tmp_path: Path) -> dict[str, Any]:
    soundfile.write(tmp_path / "b.wav", samples, rate, subtype="FLOAT")
    return {"bytes": (tmp_path / "b.wav").read_bytes(), "path": "b.wav"}


def test_what_is_refused_says_why(tmp_path: Path) -> None:
    for cell in (None, {}, {"bytes": None, "path": None}, {"bytes": b""}):
        with pytest.raises(DataError, match="audio"):
            decode_audio(cell)
    with pytest.raises(DataError, match="audio"):
        decode_audio({"path": str(tmp_path / "none.wav")})
    for junk in (b"not audio at all", encode_audio(Audio(tone(16_000), 16_000))[:30]):
        with pytest.raises(DataError, match="audio"):
            decode_audio({"bytes": junk})
    with pytest.raises(DataError, match=r"\b2 s.*\b1 s"):
        decode_audio(wav(tone(8_000, 2), 8_000, tmp_path), max_seconds=1)
    with pytest.raises(DataError, match=r"\b9\b"):
        decode_audio(wav(np.zeros((100, 9)), 16_000, tmp_path))
    with pytest.raises(DataError, match="2000 Hz"):
        decode_audio(wav(np.zeros(100), 2_000, tmp_path))
    bad = tone(16_000)
    bad[7] = np.nan
    with pytest.raises(DataError):
        decode_audio(wav(bad, 16_000, tmp_path))


def test_the_length_is_checked_before_decoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cell = wav(tone(8_000, 2), 8_000, tmp_path)

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", never)
    with pytest.raises(DataError, match=r"\b1 s"):
        decode_audio(cell, max_seconds=1)


@pytest.mark.parametrize(("rate", "new"), [(22_050, 16_000), (16_000, 22_050), (48_000, 16_000), (16_000, 8_000)])
def test_resampling_keeps_the_band_and_drops_the_rest(rate: int, new: int) -> None:
    for hertz in (100.0, 1000.0, 0.4 * min(rate, new)):
        found = resample(tone(rate, 1, hertz), rate, new)
        assert len(found) == new
        inside = slice(new // 10, -new // 10)
        np.testing.assert_allclose(found[inside], tone(new, 1, hertz)[inside], atol=1e-5)
    if new < rate:
        assert abs(resample(tone(rate, 1, 0.53 * new), rate, new)[new // 10 : -new // 10]).max() < 1e-4


@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, 400), rate=st.integers(1, 60), new=st.integers(1, 60))
def test_resampled_length_and_constant(length: int, rate: int, new: int) -> None:
    found = resample(np.ones(length, np.float32), rate * 100, new * 100)
    assert len(found) == -(-length * new // rate) and found.dtype == np.float32
    assert np.isfinite(found).all()


def test_rates_must_be_positive() -> None:
    with pytest.raises(DataError):
        resample(np.zeros(4, np.float32), 16_000, 0)


def test_a_row_may_have_any_column() -> None:
    content = encode_audio(Audio(tone(16_000), 16_000))
    made = [make_row(id="a", text="hm", split="train", audio=content, phones=["hh", "m"], mood=3)]
    rows = to_dataset(made)
    assert rows[0]["phones"] == ["hh", "m"] and rows[0]["mood"] == 3 and set(COLUMNS) < set(rows.column_names)
    assert decode_audio(rows[0]["audio"]).duration == 0.5 and rows[0]["image"] is None
    assert to_dataset(made, row_features()).column_names == list(COLUMNS)


def test_phones_need_times_that_increase() -> None:
    assert phone_columns(["hh", "m"], [0.2, 0.5], "flite")["phone_ends_s"] == [0.2, 0.5]
    for ends, message in (([0.5], r"\b2\b.*\b1\b"), ([0.5, 0.5], "increas"), ([0.0, 0.5], "increas")):
        with pytest.raises(DataError, match=message):
            phone_columns(["hh", "m"], ends, "flite")


def test_datasets_by_name() -> None:
    with pytest.raises(UnknownNameError):
        load_dataset_component("flite-speach")
    with pytest.raises(UnknownKeyError, match="'voice'"):
        load_dataset_component("flite-speech", voices="slt")
    with pytest.raises(ConfigError, match="dataset 'ljspeech' needs the key root") as caught:
        load_dataset_component("ljspeech")
    assert caught.value.path == "root"
    for value in ("3", 3.5, True):
        with pytest.raises(ConfigTypeError, match="sentences of dataset 'flite-speech'") as caught:
            load_dataset_component("flite-speech", sentences=value)
        assert caught.value.path == "sentences"
    with pytest.raises(ConfigTypeError, match=r"voices\[1\] of dataset 'spoken-scenes'"):
        load_dataset_component("spoken-scenes", voices=["slt", 3])


def test_a_builder_that_returns_no_splits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmzoo_datasets.flite_speech.flite_speech", lambda: DatasetDict())
    with pytest.raises(DataError):
        load_dataset_component("flite-speech")


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "x"))
    assert cache_dir() == tmp_path / "x" and not cache_dir().exists()
    monkeypatch.delenv("MMZOO_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "mmzoo"


def test_importing_is_light() -> None:
    heavy = "('torch', 'datasets', 'numpy')"
    code = f"import sys, mmzoo.data, mmzoo_datasets.plugin; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
