"""Exit codes as documented, and listing commands on an installation with a broken plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmzoo.cli.main import main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mmzoo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """An environment with a distribution whose plugin cannot be imported."""
    (tmp_path / "broken_zoo.py").write_text("import nothing_of_that_name\n")
    info = tmp_path / "broken_zoo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmzoo]\nbroken = broken_zoo\n")
    return {"PYTHONPATH": str(tmp_path), "MMZOO_PLUGINS": f"{os.environ['MMZOO_PLUGINS']},broken-zoo"}


def test_a_broken_plugin_is_shown_and_the_rest_is_listed(broken: dict[str, str]) -> None:
    plugins = run("plugins", "--json", **broken)
    assert plugins.returncode == 0 and "nothing_of_that_name" in plugins.stdout
    assert "vqvae-speech" in run("list", **broken).stdout
    doctor = run("doctor", **broken)
    assert doctor.returncode == 1 and "broken-zoo" in doctor.stdout + doctor.stderr
    assert "Traceback" not in doctor.stderr


def test_the_exit_codes_are_the_documented_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", str(tmp_path / "missing.yaml")]
    offline = ["say", "Hi.", "--model", "hf-hub:org/none", "-o", str(tmp_path / "a.wav")]
    for arguments, code in ((["list"], 0), (["list", "no-such-*"], 0), (train, 2), (offline, 3)):
        assert main(arguments) == code, arguments
        lines = capsys.readouterr().err.strip().splitlines()
        assert code == 0 or len(lines) == 1
    assert run(*train).returncode == 2
    assert not (tmp_path / "a.wav").exists()


def test_without_plugins_a_bundled_name_says_what_to_install() -> None:
    done = run("show", "vqvae-dit-tts", MMZOO_PLUGINS="none")
    assert done.returncode in {1, 2} and "mmzoo-tts" in done.stderr
    assert json.loads(run("list", "--json", MMZOO_PLUGINS="none").stdout) == []
