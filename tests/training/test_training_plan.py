"""What `mmzoo plan` says before a training, and what a training says when memory runs out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_dummy import DummyHead, make_recipe, make_rows, make_trainer
from typer import Typer
from typer.testing import CliRunner

from mmzoo.cli.plan import plan as command
from mmzoo.errors import TrainingError
from mmzoo.interfaces import ALONE
from mmzoo.training import Trainer
from mmzoo.training.memory import Activations, knobs, ran_out
from mmzoo.training.plan import plan
from mmzoo.training.recipe import load_recipe

pytestmark = pytest.mark.usefixtures("dummy")

PARAMETERS = 4 * 8 + 8 + 8 * 4 + 4
BUFFERS = 4 + 4
CRITIC = 4 * 3 + 3 + 3 + 1


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The trainer of every recipe is one of the dummy."""

    def trainer_for(settings: Any, folder: Path) -> Trainer:
        rows = make_rows()
        return Trainer(settings, DummyHead(), rows, out=folder, cache=tmp_path / "cache", validation_rows=rows)

    monkeypatch.setattr("mmzoo.training.plan.trainer_for", trainer_for)
    monkeypatch.chdir(tmp_path)


def test_a_plan_counts_and_leaves_nothing(tmp_path: Path) -> None:
    found = plan(make_recipe(), timed=False)
    assert found["parameters"]["total"] == found["parameters"]["trained"] == PARAMETERS
    assert found["parameters"]["by_slot"] == {
        "head": {"total": PARAMETERS, "trained": PARAMETERS},
        "critics": {"total": CRITIC, "trained": CRITIC},
    }
    memory = found["memory"]
    assert memory["weights"] == 4 * (PARAMETERS + BUFFERS + CRITIC) + 8
    assert memory["gradients"] == 4 * (PARAMETERS + CRITIC)
    assert memory["moments"] == 2 * memory["gradients"]
    assert memory["averages"] == 4 * (PARAMETERS + BUFFERS)
    assert memory["fits"] and 0 < memory["total"] < memory["of"]
    # Two products in a layer's backward pass, but one in the first, whose input needs no gradient.
    without = plan(make_recipe(adversary=None), timed=False)
    items = 8 * sum(make_rows()["length"]) / (37 // 8 * 8) / max(make_rows()["length"])
    assert without["flops"]["step"] < 2 * 8 * (2 * 32 + 3 * 32)
    assert without["flops"]["step"] == pytest.approx(2 * items * (2 * 32 + 3 * 32), rel=0.3)
    assert found["time"] is None
    assert not any(path.name != "cache" for path in tmp_path.iterdir())


def test_more_processes_hold_less_each() -> None:
    found = plan(make_recipe(batch_size=32, shard=True), nproc=2, timed=False)
    assert found["processes"] == 2 and found["batch"]["items_of_process"] == found["batch"]["items"] / 2
    alone = plan(make_recipe(batch_size=32), timed=False)
    assert found["memory"]["moments"] == alone["memory"]["moments"] // 2
    assert found["memory"]["exchange"] > 0 == alone["memory"]["exchange"]


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    app, recipe = Typer(), tmp_path / "dummy.yaml"
    app.command()(command)
    recipe.write_text(yaml.safe_dump(make_recipe()))
    printed = CliRunner().invoke(app, [str(recipe), "steps=1000", "--json"])
    assert printed.exit_code == 0, printed.output
    found = json.loads(printed.stdout)
    taken = found["time"]
    assert found["steps"] == 1000 and taken["measured_steps"] >= 3
    assert taken["all"] == pytest.approx(1000 * taken["step"])
    assert taken["all_low"] <= taken["all"] <= taken["all_high"]
    rows = dict(line.split("\t") for line in CliRunner().invoke(app, [str(recipe), "steps=10"]).stdout.splitlines())
    assert {"parameters", "FLOPs of a step", "memory of a process", "memory here", "time"} <= set(rows)


def test_activations_are_what_the_backward_pass_needs_but_for_the_gradients() -> None:
    weights = [torch.nn.Parameter(torch.ones(100, 100)) for _ in range(20)]
    x = torch.ones(10, 100)
    with Activations(weights) as live:
        y = x
        for weight in weights:
            y = (y @ weight).exp()
        y.sum().backward()
    kept = 20 * 10 * 100  # the results of exp; a gradient of 100 x 100 counts until it is stored
    assert 4 * kept <= live.peak <= 4 * (kept + 100 * 100 + 3 * 1000)


@pytest.mark.parametrize(
    ("changes", "world", "expected"),
    [
        ({}, 1, ["accumulate=2", "precision=bf16", "batch_size=4"]),
        ({"accumulate": 8}, 1, ["precision=bf16", "batch_size=4", "--nproc 2 on 2 GPUs"]),
        ({}, 2, ["accumulate=2", "shard=true", "precision=bf16"]),
        ({"batch_size": None, "batch_frames": 100}, 1, ["accumulate=2", "precision=bf16", "batch_frames=50"]),
    ],
)
def test_knobs(changes: dict[str, Any], world: int, expected: list[str]) -> None:
    recipe = load_recipe(make_recipe(**changes))
    assert knobs(recipe, precision="fp32", world=world, blocks=False)[:3] == expected


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to"),
        MemoryError(),
        "a tensor of 4 EB",
    ],
    ids=lambda error: error if isinstance(error, str) else type(error).__name__,
)
def test_out_of_memory_names_what_is_held_and_three_changes(error: BaseException | str, tmp_path: Path) -> None:
    class Greedy(DummyHead):
        def training_step(self, batch: Any, generator: torch.Generator, state: Any = ALONE) -> Any:
            if isinstance(error, str):
                torch.empty(10**18)
            else:
                raise error

    with pytest.raises(TrainingError, match=r"step 1\b.*weights.*gradients.*moments.*averages") as refused:
        make_trainer(tmp_path / "run", head=Greedy(), precision="fp32").run()
    for knob in ("accumulate=2", "precision=bf16", "batch_size=4", "mmzoo plan"):
        assert knob in str(refused.value)


def test_out_of_memory_before_the_first_step(tmp_path: Path) -> None:
    class Huge(DummyHead):
        def examples(self, rows: Any, cache: Path) -> Any:
            raise MemoryError

    with pytest.raises(TrainingError, match=r"before the first step.*model\.overrides"):
        make_trainer(tmp_path / "run", head=Huge()).run()


def test_other_errors_are_not_taken_for_it(tmp_path: Path) -> None:
    class Wrong(DummyHead):
        def training_step(self, batch: Any, generator: torch.Generator, state: Any = ALONE) -> Any:
            raise RuntimeError("shapes differ")

    assert not ran_out(RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        make_trainer(tmp_path / "run", head=Wrong()).run()
