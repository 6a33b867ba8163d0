"""The benchmark beside other processes: its table shows ratios, its programs compile, and nothing is left running."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "under_load.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("benchmarks_under_load", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ratios_are_to_the_systems_own_idle_speed(script: Any) -> None:
    idle, *loads = script.IDLE, *script.LOADS
    speeds = {"ours": {idle: [90.0, 100.0, 500.0], **dict(zip(loads, ([50.0], [41.0], [39.0]), strict=True))}}
    lines = script.table(speeds, {"theirs": "ModuleNotFoundError: none"}).splitlines()
    assert lines[2] == "| ours | 100.0 | 0.50 | 0.41 | **0.39** |"
    assert lines[3].startswith("| theirs | not measured: ModuleNotFoundError: none |")
    assert len({line.count("|") for line in lines}) == 1


def test_systems_take_turns_beside_each_load_and_nothing_is_left(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = "import sys\nprint('{}', flush=True)\nfor line in sys.stdin: print('{\"speed\": 2.0}', flush=True)"
    processes: list[subprocess.Popen[str]] = []
    start = script.started

    def started(command: list[str], folder: str) -> subprocess.Popen[str]:
        program = ["-c", echo if "--worker" in command else "import time; time.sleep(60)"]
        processes.append(start(program, folder))
        return processes[-1]

    monkeypatch.setattr(script, "started", started)
    monkeypatch.setattr(script, "bind", lambda: None)
    monkeypatch.setattr(script, "SETTLE_S", 0.0)
    monkeypatch.setattr(script.signal, "signal", lambda *_: None)
    monkeypatch.setattr(script, "LOADS", {"first": "pass", "second": "pass"})
    speeds, errors = script.measure(["a", "b"], 2, 0.0)
    assert errors == {} and speeds == {
        name: {load: [2.0] * 2 * len(script.TEXTS) for load in ("idle", "first", "second")} for name in "ab"
    }
    assert [process.wait(10) != 0 for process in processes] == [True] * 4


@pytest.mark.parametrize("load", ["busy loop", "numerical program", "training"])
def test_the_competing_programs_compile(script: Any, load: str) -> None:
    compile(script.LOADS[load], load, "exec")


def test_a_system_that_cannot_run_says_why() -> None:
    command = [sys.executable, str(SCRIPT), "--worker", "codec, onnx, two threads"]
    environment = os.environ | {"MMZOO_PLUGINS": "mmzoo-none"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, input="")
    assert done.returncode == 0 and '{"error": ' in done.stdout
