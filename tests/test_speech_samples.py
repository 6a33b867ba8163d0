"""The page of speech samples: every voice beside its teacher, in files that its links name."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import mmzoo
from mmzoo.errors import DataError
from mmzoo.evaluation.speech import Sentence

ROOT = Path(__file__).parent.parent


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("matplotlib")
    evaluate = pytest.importorskip("mmzoo_tts.evaluate")
    spec = importlib.util.spec_from_file_location("docs_speech_samples", ROOT / "docs" / "speech_samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "PAGE", tmp_path / "speech.md")
    monkeypatch.setattr(mmzoo, "create", lambda name: Speaker())
    monkeypatch.setattr(evaluate, "teacher_voice", lambda model, voice: None if voice == "own" else f"acme:{voice}")
    monkeypatch.setattr(evaluate, "said_by", said_by)
    monkeypatch.setattr("sys.argv", ["speech_samples.py", "speaker"])
    return module


def sound(seconds: float = 1.0) -> mmzoo.Audio:
    return mmzoo.Audio(0.1 * np.random.default_rng(0).standard_normal(int(24000 * seconds)).astype(np.float32), 24000)


class Speaker:
    name = "speaker"
    voices = ("heart", "joe", "own")

    def __call__(self, text: str, *, voice: str) -> mmzoo.Audio:
        return sound()


def said_by(voice: str, texts: list[str]) -> list[Sentence]:
    if voice == "acme:joe":
        raise DataError("acme is not installed.")
    return [Sentence("0", texts[0], sound(), (), (), None, "")]


def test_every_voice_is_heard_beside_its_teacher(script: Any, tmp_path: Path) -> None:
    (tmp_path / "old.flac").write_bytes(b"from another model")
    assert script.main() == 0
    page = (tmp_path / "speech.md").read_text("utf-8")
    linked = re.findall(r"\]\(([^)]+)\)", page)
    assert sorted(linked) == sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".md")
    assert "| joe | [1.0 s](joe.flac) | acme:joe: acme is not installed. |" in page
    assert "| heart | [1.0 s](heart.flac) | acme:heart: [1.0 s](heart-teacher.flac) |" in page
    assert "`python docs/speech_samples.py speaker`" in page and script.TEXT in page
    assert mmzoo.Audio.load(tmp_path / "heart.flac").sample_rate == 24000


def test_too_many_bytes_are_an_error(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "MOST_BYTES", 1000)
    assert script.main() == 1
