"""A Hub on the loopback interface, and a process that knows only it: its own cache, no token, no waiting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hub_client import Done, Mmzoo
from hub_server import HubServer, running


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    from huggingface_hub import constants

    with running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_TOKEN", "MMZOO_ALLOW_LICENSES", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1)
        monkeypatch.setattr("mmzoo.hub.huggingface.ANSWER_SECONDS", 1.0)
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield server


@pytest.fixture
def environment(hub: HubServer, tmp_path: Path) -> dict[str, str]:
    """What a process needs to know this Hub as its only one."""
    told = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return {**os.environ, **told, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@pytest.fixture
def mmzoo_command(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> Mmzoo:
    """Runs `mmzoo WORDS` in this process, which has long imported what a new one would have to."""
    from mmzoo.cli.main import main

    def run(*words: str) -> Done:
        capsys.readouterr()
        code = main(words)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def mmzoo_process(environment: dict[str, str]) -> Mmzoo:
    """Runs `mmzoo WORDS` in a process of its own."""

    def run(*words: str, **more: str) -> Done:
        command = [sys.executable, "-m", "mmzoo", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**environment, **more})
        return Done(done.returncode, done.stdout, done.stderr)

    return run
