"""A folder in LJSpeech's layout, made of three committed recordings, so that these tests need no flite."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmzoo.data import decode_audio
from mmzoo.interfaces import Audio

SPOKEN = Path(__file__).parent / "spoken"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has its own empty cache."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def flite() -> None:
    """Skips the test where flite is not installed."""
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed (Debian's package flite)")


@pytest.fixture(scope="session")
def spoken() -> dict[str, Any]:
    """Text, phones and flite's own times of the committed recordings, by name."""
    return dict(json.loads((SPOKEN / "spoken.json").read_text(encoding="utf-8")))


@pytest.fixture
def ljspeech_folder(tmp_path: Path, spoken: dict[str, Any]) -> Path:
    """metadata.csv and wavs/ at 22.05 kHz, as the real corpus has them."""
    root = tmp_path / "LJSpeech-1.1"
    (root / "wavs").mkdir(parents=True)
    lines = []
    for name, entry in spoken.items():
        audio = decode_audio({"path": str(SPOKEN / f"{name}.flac")}, 22_050)
        Audio(audio.samples, 22_050).save(root / "wavs" / f"{name}.wav")
        lines.append(f"{name}|{entry['text']}|{entry['text']}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
