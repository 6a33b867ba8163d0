"""Trainings in processes of their own: killed, signalled, resumed, and in two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_dummy import make_trainer

from mmzoo.errors import TrainingError
from mmzoo.training.checkpoint import list_checkpoints, read_tensors, verify_checkpoint
from mmzoo.training.guard import RunLock

pytestmark = pytest.mark.usefixtures("dummy")

SCRIPT = Path(__file__).with_name("training_dummy.py")


def command(out: Path, changes: dict[str, Any], fault: str = "", resume: str = "auto") -> list[str]:
    return [str(SCRIPT), str(out), resume, json.dumps(changes), *([fault] if fault else [])]


def run(*args: Any, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command(*args, **kwargs)], capture_output=True, text=True, timeout=300)


def final(out: Path, step: int = 30) -> dict[str, torch.Tensor]:
    path = out / "checkpoints" / f"step-{step:08d}"
    verify_checkpoint(path)
    return {f"{s}/{k}": v for s in ("model", "ema", "optimizer", "adversary") for k, v in read_tensors(path, s).items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert set(a) == set(b)
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.mark.slow
def test_killed_in_the_middle_of_a_save(tmp_path: Path) -> None:
    changes = {"checkpoint_every": 7}
    died = run(tmp_path / "killed", changes, "kill-at-rename:2")
    assert died.returncode == -signal.SIGKILL
    root = tmp_path / "killed" / "checkpoints"
    assert [path.name for path in list_checkpoints(root)] == ["step-00000007"]
    assert list(root.glob(".staging-*"))
    again = run(tmp_path / "killed", changes)
    assert again.returncode == 0, again.stderr
    assert "Resumed from" in again.stderr
    assert not list(root.glob(".staging-*"))
    make_trainer(tmp_path / "whole", **changes).run()
    assert_same(final(tmp_path / "killed"), final(tmp_path / "whole"))


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_leaves_a_checkpoint(tmp_path: Path, number: int) -> None:
    changes = {"steps": 2000, "checkpoint_every": 1000, "num_workers": 2 if number == signal.SIGTERM else 0}
    process = subprocess.Popen(
        [sys.executable, *command(tmp_path, changes, "slow")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "step 5/" in line:
                break
        os.killpg(process.pid, number)  # the workers get it too, as from a batch system or a terminal
        rest = process.stderr.read()
        assert process.wait(60) == 128 + number, rest
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    (checkpoint,) = list_checkpoints(tmp_path / "checkpoints")
    verify_checkpoint(checkpoint)
    assert not (tmp_path / "model").exists()


HOLD = """
import pathlib, sys, time
from mmzoo.training.guard import RunLock
with RunLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_of_another_process_holds_until_it_dies(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(TrainingError, match=str(holder.pid)):
            make_trainer(tmp_path).run()
    finally:
        holder.kill()
        holder.wait()
    assert make_trainer(tmp_path, steps=2).run().status == "finished"


SURVIVED = """
import multiprocessing, os, pathlib, sys, time
from mmzoo.training.guard import RunLock

def work():
    print(os.getpid(), flush=True)
    time.sleep(60)

RunLock(pathlib.Path(sys.argv[1])).__enter__()
multiprocessing.get_context("fork").Process(target=work).start()
time.sleep(60)
"""


def test_a_worker_that_survives_its_training_does_not_hold_the_lock(tmp_path: Path) -> None:
    training = subprocess.Popen([sys.executable, "-c", SURVIVED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert training.stdout is not None
    worker = int(training.stdout.readline())  # printed by the worker, so it has begun
    try:
        training.kill()
        training.wait()
        os.kill(worker, 0)  # it lives
        with RunLock(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        training.stdout.close()


@pytest.mark.slow
def test_two_processes_resume_bitwise(tmp_path: Path) -> None:
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]

    def pair(out: Path, steps: int, resume: str = "auto", **changes: Any) -> None:
        done = subprocess.run(
            [*launcher, *command(out, {"steps": steps, "keep": 9, **changes}, resume=resume)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr

    pair(tmp_path / "whole", 30)
    whole = tmp_path / "whole" / "checkpoints"
    pair(tmp_path / "part", 30, resume=str(whole / "step-00000010"))
    assert_same(final(tmp_path / "whole"), final(tmp_path / "part"))
    metrics = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert len(metrics) == 6  # one process writes
    assert metrics[-1]["items_seen"] == 240
