"""The commands in processes of their own: under launchers, and killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from models import MODELS, ROOT, TOKENIZERS

from mmzoo.bulk.tokenization import tokenize_all
from mmzoo.data import load_dataset_component

TEXT = next(name for name in TOKENIZERS if MODELS[name].modality == "text")
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--nproc-per-node", "2", "-m", "mmzoo"],
    "accelerate": [
        "accelerate.commands.accelerate_cli",
        "launch",
        "--multi_gpu",
        "--num_processes",
        "2",
        "-m",
        "mmzoo",
    ],
}
ROWS = 12
pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    search = [str(ROOT), *map(str, ROOT.glob("plugins/*")), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search))}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"Text number {n}, {'and more ' * (n % 4)}\n" for n in range(ROWS)))
    return path


def codes(folder: Path) -> dict[str, Any]:
    rows = load_dataset_component("tokens", path=str(folder))["train"]
    found = dict(zip(rows["text"], rows["codes"], strict=True))
    assert len(found) == len(rows) == ROWS
    return found


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_ranks_give_what_one_process_gives(launcher: str, texts: Path, tmp_path: Path) -> None:
    arguments = ["tokenize", TEXT, "--data", str(texts), "--output", str(tmp_path / "two"), "--shard-rows", "2"]
    command = [sys.executable, "-m", *LAUNCHERS[launcher], *arguments, "data.config.validation=0.0"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("12 of 12 rows") == 1  # one rank reports
    tokenize_all(TEXT, str(texts), tmp_path / "one", overrides=["data.config.validation=0.0"])
    assert codes(tmp_path / "two") == codes(tmp_path / "one")


def test_a_killed_command_goes_on_where_it_was(texts: Path, tmp_path: Path) -> None:
    arguments = ["tokenize", TEXT, "--data", str(texts), "--output", str(tmp_path / "out"), "--shard-rows", "1"]
    command = [sys.executable, "-m", "mmzoo", *arguments, "data.config.validation=0.0"]
    done = tmp_path / "out" / ".done"
    killed = 0
    while True:
        before = len(list(done.glob("*"))) if done.exists() else 0
        process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and (not done.exists() or len(list(done.glob("*"))) < before + 3):
            time.sleep(0.001)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        killed += 1
        assert len(list(done.glob("*"))) >= before
    assert process.returncode == 0 and killed >= 2
    tokenize_all(TEXT, str(texts), tmp_path / "one", overrides=["data.config.validation=0.0"])
    assert codes(tmp_path / "out") == codes(tmp_path / "one")
