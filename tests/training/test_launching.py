"""Ranks find each other: the variables of launchers, and `mmzoo train --nproc`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mmzoo.cli.main import main
from mmzoo.errors import UsageError
from mmzoo.training.checkpoint import list_checkpoints, verify_checkpoint
from mmzoo.training.launch import check_nproc
from mmzoo.training.ranks import first_host, slurm_ranks
from mmzoo.training.recipe import load_recipe

STEP = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "2",
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
}


def test_a_task_of_srun_becomes_a_rank() -> None:
    ranks = slurm_ranks(STEP)
    assert {key: ranks[key] for key in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR")} == {
        "RANK": "9",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "16",
        "MASTER_ADDR": "gpu07",
    }
    assert slurm_ranks({**STEP, "SLURM_PROCID": "0"})["MASTER_PORT"] == ranks["MASTER_PORT"]
    assert slurm_ranks({**STEP, "SLURM_STEP_ID": "3"})["MASTER_PORT"] != ranks["MASTER_PORT"]
    assert 1024 < int(ranks["MASTER_PORT"]) < 65536


def test_what_the_user_sets_comes_first() -> None:
    ranks = slurm_ranks({**STEP, "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234"})
    assert (ranks["MASTER_ADDR"], ranks["MASTER_PORT"]) == ("10.0.0.1", "1234")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**STEP, "WORLD_SIZE": "2", "RANK": "0"},  # torchrun within a step
        {**STEP, "SLURM_STEP_NUM_TASKS": "1"},
        {key: value for key, value in STEP.items() if "STEP" not in key} | {"SLURM_NTASKS": "16"},  # a batch script
    ],
    ids=["no SLURM", "torchrun", "one task", "batch script"],
)
def test_other_processes_are_left_alone(environment: dict[str, str]) -> None:
    assert slurm_ranks(environment) == {}


@pytest.mark.parametrize("key", ["SLURM_PROCID", "SLURM_LOCALID", "SLURM_JOB_ID", "SLURM_STEP_NODELIST"])
def test_an_incomplete_step_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match=key):
        slurm_ranks({name: value for name, value in STEP.items() if name != key})


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("gpu1", "gpu1"),
        ("gpu[07-09,12],login", "gpu07"),
        ("gpu[3],gpu[5-6]", "gpu3"),
        ("rack2-gpu[001-128]-ib", "rack2-gpu001-ib"),
        ("a,b", "a"),
        ("node-4.cluster.org,node-5.cluster.org", "node-4.cluster.org"),
    ],
)
def test_the_first_host_of_a_node_list(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_ranks_do_not_start_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(
        {"name": "a", "model": {"name": "b"}, "data": {"name": "c"}, "steps": 1, "batch_size": 1, "device": "cpu"}
    )
    check_nproc(2, recipe)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    check_nproc(8, recipe)
    with pytest.raises(UsageError, match=r"\b4\b"):
        check_nproc(8, recipe.model_copy(update={"device": "auto"}))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="torchrun"):
        check_nproc(2, recipe)


def test_the_command_line_of_the_ranks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{name: a, model: {name: b}, data: {name: c}, batch_size: 1, device: cpu}")
    started: list[Any] = []
    monkeypatch.setattr("mmzoo.training.launch.launch", lambda *given: started.append(given) or 143)
    words = ["train", str(tmp_path / "a.yaml"), "steps=3", "--out", "o", "--no-resume"]
    assert main([*words, "--nproc", "2"]) == 143
    assert started == [(words, 2)]
    assert main([*words, "step=3", "--nproc", "2"]) == 2  # the ranks are not started for a wrong recipe
    assert len(started) == 1


RANK = """
import os, signal, sys, time
rank, what = int(os.environ["RANK"]), sys.argv[-1]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
if what == "signal" and rank == 0:
    os.kill(os.getppid(), signal.SIGTERM)
if what in ("signal", "fail") and not (what == "fail" and rank == 1):
    time.sleep(60)
sys.exit(3 if what == "fail" else 0)
"""


@pytest.mark.parametrize(("what", "code"), [("finish", 0), ("fail", 3), ("signal", 143)])
def test_the_exit_code_is_that_of_the_training(what: str, code: int, tmp_path: Path) -> None:
    """Without torch in the ranks, so that it takes a second."""
    (tmp_path / "mmzoo.py").write_text(RANK)
    run = f"import sys; from mmzoo.training.launch import launch; sys.exit(launch([{what!r}], 2))"
    # With -P the launcher does not see mmzoo.py in this folder, but its ranks do.
    command = [sys.executable, "-P", "-c", run]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, done.stderr


@pytest.mark.slow
def test_a_signal_leaves_a_checkpoint_from_which_any_number_of_ranks_continues(
    python: Any, install: Any, tmp_path: Path
) -> None:
    root = Path(__file__).parents[2]
    install(root / "examples" / "mmzoo-acme", tmp_path / "site")
    recipe, out = tmp_path / "site" / "mmzoo_acme" / "recipes" / "acme-pictures.yaml", tmp_path / "run"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(root), os.environ.get("PYTHONPATH", "")]),
        "MMZOO_PLUGINS": "mmzoo-acme",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    words = [sys.executable, "-m", "mmzoo", "train", str(recipe), "device=cpu", "num_threads=1", "log_every=5"]

    def run(*more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*words, *more, "--out", str(out)], env=environment, start_new_session=True)

    process = run("steps=100000", "--nproc", "2")
    deadline = time.monotonic() + 900
    while not (out / "metrics.jsonl").is_file() or not (out / "metrics.jsonl").stat().st_size:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(900) == 143
    (checkpoint,) = list_checkpoints(out / "checkpoints")
    verify_checkpoint(checkpoint)
    step = int(checkpoint.name.removeprefix("step-"))
    assert run(f"steps={step + 5}").wait(900) == 0
    record = json.loads((out / "model" / "training.json").read_text())
    assert (record["steps"], record["sessions"], record["processes"]) == (step + 5, 2, 1)
