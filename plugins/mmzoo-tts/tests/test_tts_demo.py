"""`mmzoo demo`: with a model that only pretends, and once for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmzoo_tts import demo as command

import mmzoo
from mmzoo.cli.main import main
from mmzoo.errors import DataError
from mmzoo.evaluation.judges import ready_judge
from mmzoo.evaluation.speech import Heard
from mmzoo.registry import targets


class Speaker:
    voices = ("slt", "kal")

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, text: str, **asked: Any) -> mmzoo.Audio:
        self.asked.append({"text": text, **asked})
        return mmzoo.Audio(np.zeros(32000, dtype=np.float32), 16000)


class Listener:
    def listen(self, sounds: list[mmzoo.Audio]) -> list[Heard]:
        return [Heard("hello there", ()) for _ in sounds]


@pytest.fixture
def speaker(monkeypatch: pytest.MonkeyPatch) -> Speaker:
    found = Speaker()
    monkeypatch.setattr(command.mmzoo, "create", lambda name, device: found)
    monkeypatch.setattr(command, "ready_judge", lambda name: Listener())
    return found


def test_one_line_says_all(speaker: Speaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hello.wav"
    assert main(["demo", "Hello\nthere.", "-o", str(path), "--voice", "kal", "--seed", "3"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert told.startswith(f"{path}: said 'Hello there.' in the voice kal; 2.0 s of speech in ")
    assert "times real time; whisper heard 'hello there'" in told
    assert mmzoo.Audio.load(path).duration == 2.0
    assert speaker.asked == [{"text": "Hello\nthere.", "voice": "kal", "seed": 3}]


def test_voices_are_mixed(speaker: Speaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "Hello.", "-o", str(tmp_path / "a.wav"), "--voice", "slt:1,kal:3"]) == 0
    assert speaker.asked[0]["voice"] == {"slt": 1.0, "kal": 3.0} and "voice slt:1,kal:3;" in capsys.readouterr().out


def test_a_text_and_a_voice_are_given_by_default(
    speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert "in the voice slt" in capsys.readouterr().out
    assert (tmp_path / "demo.wav").is_file() and speaker.asked[0]["text"] == command.TEXT


def test_without_the_recogniser_it_says_how_to_get_it(
    speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ready_judge", ready_judge)
    monkeypatch.setattr(targets, "_installed", lambda requirement: False)
    assert main(["demo", "-o", str(tmp_path / "a.wav")]) == 0
    assert "pip install 'pocketsphinx" in capsys.readouterr().out
    assert (tmp_path / "a.wav").is_file()


def test_pocketsphinx_hears_where_whisper_has_no_weights(
    speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ready(name: str) -> Listener:
        if name == "whisper":
            raise DataError("no weights")
        return Listener()

    monkeypatch.setattr(command, "ready_judge", ready)
    assert main(["demo", "-o", str(tmp_path / "a.wav")]) == 0
    assert "pocketsphinx heard 'hello there'" in capsys.readouterr().out


def test_a_folder_that_does_not_exist_is_noticed_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.mmzoo, "create", lambda name, device: pytest.fail("created"))
    assert main(["demo", "-o", str(tmp_path / "no" / "a.wav")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_model_that_does_not_speak_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.mmzoo, "create", lambda name, device: object())
    assert main(["demo", "-o", str(tmp_path / "a.wav"), "--model", "fsq"]) == 2
    assert "does not speak" in capsys.readouterr().err


@pytest.mark.slow
def test_the_bundled_voice_is_understood(tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    words = [
        sys.executable,
        "-m",
        "mmzoo",
        "demo",
        "Please send the letter to my brother on Monday morning.",
        "-o",
        "demo.wav",
    ]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    heard = done.stdout.rpartition("pocketsphinx heard")[2]
    assert sum(word in heard for word in ("please", "send", "letter", "brother", "monday", "morning")) >= 5
    assert mmzoo.Audio.load(tmp_path / "demo.wav").duration > 1
