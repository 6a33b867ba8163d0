"""The benchmarks of training run, here with tiny settings; their figures are measured elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def loaded(name: str) -> ModuleType:
    """A script of benchmarks/ as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table, without its header."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_interval_of_a_median() -> None:
    low, high = loaded("engine").interval([1.0, 1.1, 1.2, 1.3, 1.4])
    assert 1.0 <= low <= 1.2 <= high <= 1.4


def test_transformers_are_timed() -> None:
    gpu = loaded("gpu")
    rows = rows_of(gpu.dit_table(gpu.TINY, 1, "cpu"))
    assert [(row[1], row[2]) for row in rows] == [(p, m) for p in ("fp32", "bf16") for m in ("eval", "train")]
    assert all(float(row[3]) > 0 for row in rows)


def test_quantizers_are_timed() -> None:
    rows = rows_of(loaded("quantizers").table(1, "cpu", ((1, 8, 16),)))
    assert len(rows) == 6 and all(float(row[3]) > 0 for row in rows)


def test_a_hand_written_loop_learns_as_the_engine_does(tmp_path: Path) -> None:
    engine = loaded("engine")
    trainer = engine.trainer_of("vqvae-image", ("device=cpu", "precision=fp32", "batch_size=2"), tmp_path, 4)
    with trainer.rehearsing() as feed:
        head = engine.trainer_of("vqvae-image", (), tmp_path, 4).head
        hand = engine.HandLoop(trainer, head)
        hand.step()
        outcome = trainer.update(next(feed))
    assert torch.isfinite(torch.tensor(hand.loss)) and not outcome.skipped
    assert hand.loss == pytest.approx(float(outcome.values["loss"]), rel=0.2)


@pytest.mark.slow
def test_everything_for_the_gpu_runs_on_the_cpu() -> None:
    page = loaded("gpu").page(quick=True)
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## The engine over a hand-written loop",
        "## Diffusion transformers",
        "## Quantizers",
        "## Models",
    ]
    assert "Failed" not in page


@pytest.mark.slow
def test_the_engine_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--rounds", "1", "--steps", "1", "--rows", "8", "--recipes", "vqvae-image", "--device", "cpu"]
    loaded("engine").main([*more, "--override", "batch_size=2", "precision=fp32"])
    printed = capsys.readouterr().out
    assert "| vqvae-image |" in printed and "%" in printed
