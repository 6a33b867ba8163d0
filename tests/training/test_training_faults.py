"""Whatever happens to a training, nothing beyond its last checkpoint is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("training_faults.py")
FAST = {"kill -9 in the saver": 1, "SIGTERM": 1, "full disk": 1}
SLOW = {
    "kill -9 in the saver": 4,
    "kill -9 at a random moment": 2,
    "SIGTERM": 7,
    "full disk": 2,
    "damaged checkpoint": 10,
    "two runs in one folder": 2,
    "NaN on one rank": 1,
    "out of memory": 2,
    "exact resume": 8,
}
"""How many cases of each kind; `benchmarks/faults.py` runs many more."""


def outcomes(folder: Path, kinds: dict[str, int]) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), str(folder), json.dumps(kinds)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, env=environment)
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_few_faults(tmp_path: Path) -> None:
    for kind, found in outcomes(tmp_path, FAST).items():
        assert not found["failures"], kind
        assert found["cases"] >= FAST[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW)
def test_faults(kind: str, tmp_path: Path) -> None:
    found = outcomes(tmp_path, {kind: SLOW[kind]})[kind]
    assert not found["failures"]
    assert found["cases"] >= SLOW[kind]
