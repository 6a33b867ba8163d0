"""The benchmark of speech: systems take turns in processes of their own, and one that cannot run is named."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, ClassVar

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks" / "speech_speed.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("benchmarks_speech_speed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    return module


class Worker:
    """Speaks a second of sound in a time that its options name; its floor is a tenth of it."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, kind: str, threads: int, options: dict[str, Any], limits: dict[str, str]) -> None:
        self.kind, self.seconds = kind, options.get("seconds", 0.1) / threads
        missing = {"error": "ModuleNotFoundError: no kokoro"}
        ready = {"import_s": 1.5, "create_s": 0.25, "instructions": limits.get("ISA", "any")}
        self.facts = missing if kind == "kokoro" else ready

    def ask(self, **asked: str) -> dict[str, Any]:
        if "floor" in asked:
            return {"floor_s": self.seconds / 10 if self.kind == "mmzoo" else None}
        self.asked.append((self.kind, asked["text"]))
        return {"seconds": 1.0, "elapsed_s": self.seconds, "first_s": self.seconds / 2}

    def end(self) -> dict[str, Any]:
        return {"peak_mb": 123.4}


def test_a_row_for_each_system_with_ratios_and_reasons(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "Worker", Worker)
    systems = {"ours": ("mmzoo", {"seconds": 0.05}), "theirs": ("hibari", {}), "absent": ("kokoro", {})}
    measured = script.measure(systems, {"ISA": "AVX2"}, 2)
    one, other = [(kind, script.SENTENCES[i]) for i in range(2) for kind in ("mmzoo", "hibari")][:2]
    assert Worker.asked[:2] == [one, other]  # in turns, sentence by sentence
    lines = script.table(measured).splitlines()
    assert lines[2] == "| ours | AVX2 | 20.0 | 40.0 | 1.00 | 1.00 | 25 | 12 | 1.50 | 0.25 | 123 |"
    assert lines[3].startswith("| floor of ours |  | 200 | 400 | 0.10 | 0.10 |")
    assert lines[4] == "| theirs | AVX2 | 10.0 | 20.0 | 2.00 | 2.00 | 50 | 25 | 1.50 | 0.25 | 123 |"
    assert lines[5].startswith("| absent | not measured: ModuleNotFoundError: no kokoro |")
    assert len({line.count("|") for line in lines}) == 1
    shown = script.page("a table", Namespace(model="ours", isa="avx2", sentences=2))
    assert "--model ours --isa avx2 --write" in shown and "onnxruntime cannot be limited" in shown
    measured[0].error = "broken"
    assert "| theirs | AVX2 | 10.0 | 20.0 | - | - |" in script.table(measured)


def test_sentences_are_those_that_the_page_promises(script: Any) -> None:
    assert len(set(script.SENTENCES)) == 20 and len(script.TEN_WORDS.split()) == 10


def test_a_system_that_is_not_installed_says_so_in_its_own_process(tmp_path: Path) -> None:
    (tmp_path / "hibari.py").write_text("print('hello')\nraise ImportError('not here')\n")
    (tmp_path / "onnxruntime.py").write_text("")
    done = subprocess.run(
        [sys.executable, SCRIPT, "--worker", json.dumps(["hibari", 1, {}])],
        input="", capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert json.loads(done.stdout) == {"error": "ImportError: not here"} and "hello" in done.stderr
