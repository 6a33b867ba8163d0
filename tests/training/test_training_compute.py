"""The precision and threads of a run: what `auto` is, what is kept, what is said, and that ranks agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from training_dummy import make_recipe, make_trainer

import mmzoo.hardware
import mmzoo.training.compute
from mmzoo.hardware import PRECISIONS, fast_precision, gflops, slow_precision
from mmzoo.training import load_recipe
from mmzoo.training.checkpoint import list_checkpoints, read_state
from mmzoo.training.compute import Compute, agreed, settled
from mmzoo.training.recipe import TrainingRecipe

Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """`machine(gain, threads=1, native=...)`: one whose bf16 is that many times as fast as fp32."""

    def become(gain: float, threads: int = 1, native: bool | None = None) -> None:
        speeds = {"fp32": 100.0, "bf16": 100.0 * gain}
        monkeypatch.setattr(mmzoo.hardware, "gflops", lambda precision, device="cpu": speeds[precision])
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if native is not None:
            monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native)

    return become


def recipe_of(**changes: Any) -> TrainingRecipe:
    return load_recipe(make_recipe(**{"num_threads": "auto", "precision": "auto", **changes}))


# --- what this machine does fast ----------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
def test_measuring_a_precision_is_quick_and_changes_nothing(precision: str) -> None:
    gflops.cache_clear()
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    start = time.thread_time()
    rate = gflops(precision)
    assert 0.01 < rate < 1e5
    assert time.thread_time() - start < 1
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), state)
    start = time.perf_counter()
    assert gflops(precision) == rate and time.perf_counter() - start < 0.01  # once per process


def test_a_very_slow_precision_is_judged_by_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    gflops.cache_clear()
    clock, rows_run = [0.0], []

    def layer(rows: int, dtype: torch.dtype, device: str) -> Callable[[], None]:
        def run() -> None:
            rows_run.append(rows)
            clock[0] += 6 * rows * 256 * 1024 / (1.4e9 if dtype == torch.bfloat16 else 130e9)

        return run

    monkeypatch.setattr(mmzoo.hardware, "_layer", layer)
    monkeypatch.setattr(mmzoo.hardware, "_thread_clock", lambda: clock[0])
    try:
        assert gflops("bf16") == pytest.approx(1.4, rel=0.01)
        assert set(rows_run) == {mmzoo.hardware.FEW_ROWS} and clock[0] < 0.2
        assert gflops("fp32") == pytest.approx(130, rel=0.01)
        assert mmzoo.hardware.ROWS in rows_run and clock[0] < 0.6
        assert fast_precision("cpu") == "fp32" and "0.011" in str(slow_precision("bf16", "cpu"))
    finally:
        gflops.cache_clear()


@pytest.mark.parametrize(
    ("gain", "precision", "slow"),
    [(0.01, "fp32", True), (0.5, "fp32", True), (1.0, "fp32", False), (1.19, "fp32", False), (1.2, "bf16", False),
     (4.0, "bf16", False)],
)  # fmt: skip
def test_auto_on_a_processor_follows_the_measurement(machine: Machine, gain: float, precision: str, slow: bool) -> None:
    machine(gain)
    assert fast_precision("cpu") == precision
    assert settled(recipe_of(), "cpu", None) == (Compute(precision, 1), ())
    compute, lines = settled(recipe_of(precision="bf16"), "cpu", None)
    assert compute.precision == "bf16"
    assert [line.startswith("warning: ") and f"{gain:.2g} times" in line for line in lines] == [True] * slow
    assert settled(recipe_of(precision="fp32"), "cpu", None) == (Compute("fp32", 1), ())


@pytest.mark.parametrize(
    ("device", "native", "precision", "slow"),
    [("cuda", True, "bf16", False), ("cuda", False, "fp32", True), ("mps", None, "fp32", False)],
)
def test_auto_on_a_gpu(machine: Machine, device: str, native: bool | None, precision: str, slow: bool) -> None:
    machine(0.01 if precision == "bf16" else 4.0, native=native)  # the processor does not matter
    assert settled(recipe_of(), device, None)[0].precision == precision
    assert bool(settled(recipe_of(precision="bf16"), device, None)[1]) == slow


@pytest.mark.parametrize(
    ("asked", "environment", "threads"),
    [("auto", {}, 8), ("auto", {"LOCAL_WORLD_SIZE": "4"}, 2), ("auto", {"LOCAL_WORLD_SIZE": "16"}, 1),
     ("auto", {"LOCAL_WORLD_SIZE": "4", "OMP_NUM_THREADS": "8"}, 8), (None, {"LOCAL_WORLD_SIZE": "4"}, 8),
     (3, {"LOCAL_WORLD_SIZE": "4"}, 3)],
)  # fmt: skip
def test_threads(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, asked: Any, environment: dict[str, str], threads: int
) -> None:
    machine(1.0, threads=8)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settled(recipe_of(num_threads=asked), "cpu", None)[0].threads == threads


# --- what a run records and keeps ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "changes", "kept", "says"),
    [
        ({"compute": {"precision": "bf16", "threads": 2}}, {}, Compute("bf16", 2), True),
        ({"compute": {"precision": "fp32", "threads": 8}}, {}, Compute("fp32", 8), False),
        ({"compute": {"precision": "bf16", "threads": 2}}, {"precision": "fp32"}, Compute("fp32", 2), True),
        ({"compute": {"precision": "bf16", "threads": 2}}, {"num_threads": 4}, Compute("bf16", 4), True),
        ({"compute": {"precision": "bf16", "threads": 2}}, {"num_threads": None}, Compute("bf16", 8), True),
        ({"recipe": {"precision": "bf16", "num_threads": 2}}, {}, Compute("bf16", 2), True),  # of an older version
        ({"recipe": {"precision": "fp32", "num_threads": None}}, {}, Compute("fp32", 8), False),
        ({}, {}, Compute("fp32", 8), False),
        ({"compute": {"precision": "fp7", "threads": "x"}}, {}, Compute("fp32", 8), False),
    ],
)
def test_a_resumed_run_keeps_what_auto_was(
    machine: Machine, state: dict[str, Any], changes: dict[str, Any], kept: Compute, says: bool
) -> None:
    machine(0.5, threads=8)
    compute, lines = settled(recipe_of(**changes), "cpu", state)
    assert compute == kept
    said = [line for line in lines if not line.startswith("warning")]
    assert len(said) == says
    if says:
        assert str(kept) in said[0] and "this machine would choose" in said[0]
    assert any(line.startswith("warning") for line in lines) == (kept.precision == "bf16")


@pytest.mark.usefixtures("dummy")
def test_a_run_records_its_choice_and_keeps_it_on_a_machine_that_would_choose_otherwise(
    tmp_path: Path, machine: Machine
) -> None:
    def run(**changes: Any) -> tuple[str, dict[str, Any]]:
        trainer = make_trainer(tmp_path, precision="auto", num_threads="auto", **changes)
        trainer.run()
        assert trainer.accelerator.mixed_precision == trainer.compute.precision.replace("fp32", "no")
        return (tmp_path / "train.log").read_text(), read_state(list_checkpoints(tmp_path / "checkpoints")[-1])

    machine(3.0, threads=4)
    log, state = run(steps=3)
    assert state["compute"] == {"precision": "bf16", "threads": 4}
    assert state["recipe"]["precision"] == state["recipe"]["num_threads"] == "auto"
    assert "precision bf16 and 4 threads" in log and "warning" not in log
    machine(0.1, threads=2)
    log, state = run(steps=6)
    assert state["compute"] == {"precision": "bf16", "threads": 4}
    assert "keeps its precision bf16 and 4 threads" in log and "fp32 and 2 threads" in log and "0.1 times" in log
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert record["precision"] == "bf16" and record["recipe"]["precision"] == "auto"
    assert record["hardware"]["instructions"] == mmzoo.hardware.used_instructions()


# --- ranks --------------------------------------------------------------------------------------------


def test_all_ranks_take_the_choice_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[torch.Tensor] = []

    def broadcast(numbers: torch.Tensor) -> torch.Tensor:
        first.append(numbers)
        return first[0]

    monkeypatch.setattr(mmzoo.training.compute, "broadcast", broadcast)
    two: Any = SimpleNamespace(num_processes=2, device="cpu")
    assert agreed(Compute("bf16", 3), two) == agreed(Compute("fp32", 8), two) == Compute("bf16", 3)
    one: Any = SimpleNamespace(num_processes=1, device="cpu")
    assert agreed(Compute("fp32", 8), one) == Compute("fp32", 8)


@pytest.mark.slow
def test_ranks_on_different_machines_agree(tmp_path: Path) -> None:
    script = Path(__file__).with_name("training_dummy.py")
    changes = {"steps": 2, "precision": "auto", "num_threads": "auto"}
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = [str(script), str(tmp_path), "auto", json.dumps(changes), "unlike-machines"]
    done = subprocess.run([*launcher, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)] == ["bf16"] * 2
