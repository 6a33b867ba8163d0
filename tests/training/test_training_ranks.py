"""Two ranks learn what one process learns from the same global batches, whatever saves memory or time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_ranks import train

from mmzoo.training.checkpoint import read_tensors, verify_checkpoint

pytestmark = pytest.mark.usefixtures("dummy")

SCRIPT = Path(__file__).with_name("training_ranks.py")
FILES = ("model", "ema", "optimizer", "adversary")
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"accumulate": 2, "num_workers": 1},
    "recomputed": {"checkpoint_activations": True},
    "sharded": {"shard": True},
    "everything": {"shard": True, "accumulate": 2, "checkpoint_activations": True, "precision": "bf16"},
    "half": {"precision": "fp16", "accumulate": 2},
    "half-sharded": {"precision": "fp16", "shard": True, "accumulate": 2},
    "compiled": {"compile": True, "dropout": 0.0},  # compiled, dropout draws other numbers
    "compiled-sharded": {"compile": True, "dropout": 0.0, "shard": True, "checkpoint_activations": True},
}
TOLERANCE = 1e-5
"""Of losses and parameters, in every precision: only the order of sums differs. Compiled code rounds differently."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def in_ranks(out: Path, cases: Mapping[str, Mapping[str, Any]], world: int = 2) -> None:
    (out / "port").write_text(str(free_port()))
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out), str(world), json.dumps(cases)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-5000:]


def losses(out: Path) -> torch.Tensor:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return torch.tensor([line["loss"] for line in lines if line["kind"] == "train"], dtype=torch.float64)


def checkpoint(out: Path, step: int = 8) -> dict[str, torch.Tensor]:
    path = out / "checkpoints" / f"step-{step:08d}"
    verify_checkpoint(path)
    return {f"{file}/{name}": tensor for file in FILES for name, tensor in read_tensors(path, file).items()}


def assert_close(a: Path, b: Path, tolerance: float) -> None:
    torch.testing.assert_close(losses(a), losses(b), atol=tolerance, rtol=0)
    stored, expected = checkpoint(a), checkpoint(b)
    assert set(stored) == set(expected)
    for name in stored:
        torch.testing.assert_close(stored[name], expected[name], atol=tolerance, rtol=tolerance, msg=name)
    exported, other = (load_file(path / "model" / "model.safetensors") for path in (a, b))
    assert set(exported) == set(other)
    for name in exported:  # one of them is what the exported model computes, times 10,000
        bound = tolerance * (1e5 if name == "count" else 1)
        torch.testing.assert_close(exported[name].double(), other[name].double(), atol=bound, rtol=0, msg=name)


@pytest.mark.parametrize(
    "names",
    [
        ["everything", "half"],
        pytest.param(["plain", "accumulated", "recomputed", "sharded", "half-sharded"], marks=pytest.mark.slow),
        pytest.param(["compiled", "compiled-sharded"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_two_ranks_learn_what_one_process_learns(names: list[str], tmp_path: Path) -> None:
    in_ranks(tmp_path, {name: CASES[name] for name in names})
    for name in names:
        changes = CASES[name]
        alone = {**changes, "accumulate": 2 * changes.get("accumulate", 1), "shard": False, "compile": False}
        train(tmp_path / "alone" / name, alone)
        tolerance = 1e-4 if "compile" in changes else TOLERANCE
        assert_close(tmp_path / name, tmp_path / "alone" / name, tolerance)
        assert any((tmp_path / name / "previews").rglob("*.wav"))


@pytest.mark.slow
def test_a_sharded_run_resumes_bitwise_and_with_any_number_of_ranks(tmp_path: Path) -> None:
    sharded = {"shard": True, "accumulate": 2}
    resume = "whole/checkpoints/step-00000004"
    in_ranks(tmp_path, {"whole": sharded, "again": {**sharded, "resume": resume}})
    whole, again = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "again")
    assert [name for name in whole if not torch.equal(whole[name], again[name])] == []
    train(tmp_path / "one", {"accumulate": 4}, resume=str(tmp_path / resume))
    in_ranks(tmp_path, {"three": {"accumulate": 1, "shard": True, "resume": resume}}, world=3)
    for name, tolerance in (("one", TOLERANCE), ("three", 0.1)):  # 3 ranks draw other noise for each part
        resumed = checkpoint(tmp_path / name)
        for key in whole:
            torch.testing.assert_close(resumed[key], whole[key], atol=tolerance, rtol=tolerance, msg=key)
