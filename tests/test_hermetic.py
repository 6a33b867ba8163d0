"""What else is installed, and the settings of whoever runs the tests, change no result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CONFLICTING = """
@hookimpl
def mmzoo_register(register):
    register.quantizer("fsq", "strange_conflict.plugin:Q", summary="another fsq")
    register.model("vqvae-speech", task="t", summary="s", recipe={"head": "tts"})
    register.command("say", "strange_conflict.plugin:say", summary="another say")
"""
QUICK = (
    "tests/registry/test_names.py",
    "tests/registry/test_settings.py",
    "tests/registry/test_light_imports.py",
    "tests/cli/test_plugin_switches.py",
    "tests/cli/test_plugins_new.py",
)
FORKS = "test_a_new_quantizer_passes"
"""Installs a plugin and runs its tests: left to the slow run."""


@pytest.fixture
def elsewhere(site: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with two bad plugins, most of mmzoo switched off, and settings of their own."""
    site.install("strange-conflict", CONFLICTING)
    site.install("strange-broken", "raise RuntimeError('broken on purpose')\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "plugins.json").write_text(json.dumps({"disabled": ["mmzoo-vqvae", "mmzoo-tts"]}))
    taken = ("MMZOO_PLUGINS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in taken}
    return environment | {
        "PYTHONPATH": str(site.folder),
        "MMZOO_HOME": str(home),
        "MMZOO_CACHE": "/dev/null/cache",
        "HF_HOME": "/dev/null/hf",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_TOKEN": "hf_of_somebody",
        "LC_ALL": "C",
        "COLUMNS": "20",
        "FORCE_COLOR": "1",
    }


def run(environment: dict[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def check_unchanged(environment: dict[str, str], cwd: Path, *arguments: str) -> None:
    """These tests pass there too, where mmzoo itself is really in trouble."""
    states = run(environment, cwd, "mmzoo", "plugins").stdout
    assert {"strange-conflict\t1.0\tloaded", "strange-broken\t1.0\tbroken"} <= {
        "\t".join(line.split("\t")[1:4]) for line in states.splitlines()
    }
    assert "strange-conflict" in run(environment, cwd, "mmzoo", "show", "vqvae-speech").stdout
    places = [str(ROOT / one) if one.startswith("tests/") else one for one in arguments]
    done = run(environment, cwd, "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *places)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    assert " passed" in done.stdout and "failed" not in done.stdout and "error" not in done.stdout


def test_strangers_and_settings_change_no_result(elsewhere: dict[str, str], tmp_path: Path) -> None:
    check_unchanged(elsewhere, tmp_path, *QUICK, "-k", f"not {FORKS}")


@pytest.mark.slow
def test_strangers_change_no_result_of_whole_folders(elsewhere: dict[str, str], tmp_path: Path) -> None:
    folders = ("tests/cli", "tests/registry", "tests/composition", "tests/hub", "tests/test_conformance.py")
    check_unchanged(elsewhere, tmp_path, *folders, "-n", "2")
