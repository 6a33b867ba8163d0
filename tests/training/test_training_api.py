"""`train` and `mmzoo train`: from names to a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_dummy import DummyCritic, DummyHead, make_recipe, make_rows
from typer import Typer
from typer.testing import CliRunner

from mmzoo.cli.train import train as command
from mmzoo.errors import DataError, TrainingError, UnknownKeyError, UsageError
from mmzoo.interfaces import ALONE
from mmzoo.registry.specs import ComponentSpec
from mmzoo.training import train
from mmzoo.training.api import dry_run
from mmzoo.training.recipe import ModelConfig

pytestmark = pytest.mark.usefixtures("dummy")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """A registry of one dataset, one critic and one model; gives the names and overrides of the models made."""
    made: list[dict[str, Any]] = []

    class Catalog:
        def component(self, kind: str, name: str) -> ComponentSpec:
            return ComponentSpec(kind, name, "dummy:dummy", "a dummy", "dummy")

    def dataset(*, rows: int = 37) -> dict[str, Any]:
        return {"train": make_rows(rows), "validation": make_rows(9), "empty": make_rows(0)}

    def fresh_model(config: ModelConfig) -> DummyHead:
        made.append({"name": config.name, **config.overrides})
        return DummyHead(**config.overrides)

    monkeypatch.setattr("mmzoo.registry.catalog", Catalog)
    monkeypatch.setattr(
        "mmzoo.registry.load_target", lambda spec: {"dataset": dataset, "critic": DummyCritic}[spec.kind]
    )
    monkeypatch.setattr("mmzoo.training.api.fresh_model", fresh_model)
    monkeypatch.setattr("mmzoo.training.engine.cache_dir", lambda: tmp_path / "cache")
    return made


def test_a_recipe_file_becomes_a_model(tmp_path: Path, registered: list[dict[str, Any]]) -> None:
    path = tmp_path / "dummy.yaml"
    path.write_text(yaml.safe_dump(make_recipe(data={"validation_split": "validation", "limit": 20})))
    result = train(path, ["steps=4", "model.overrides.width=5"], out=tmp_path / "run")
    assert registered == [{"name": "dummy", "width": 5}]
    assert result.status == "finished"
    record = json.loads((tmp_path / "run" / "model" / "training.json").read_text())
    assert record["command"] == f"mmzoo train {path} steps=4 model.overrides.width=5"
    assert record["data"]["examples"] == 20
    saved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert saved["steps"] == 4
    assert saved["model"]["overrides"] == {"width": 5}


def test_initial_weights_are_those_of_the_seed(tmp_path: Path) -> None:
    weights = []
    for number, seed in enumerate((3, 3, 4)):
        torch.rand(number + 1)  # whatever was drawn before must not matter
        train(make_recipe(steps=1, seed=seed, optimizer={"lr": 1e-30}), out=tmp_path / str(number))
        from mmzoo.training.checkpoint import read_tensors

        checkpoint = tmp_path / str(number) / "checkpoints" / "step-00000001"
        weights.append(read_tensors(checkpoint, "model")["net.0.weight"])
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("override", "kind", "says"),
    [
        ("data.split=tset", DataError, "no split 'tset'; it has train, validation, empty"),
        ("data.split=empty", DataError, "is empty"),
        ("data.config.row=3", UnknownKeyError, "Unknown key row for dataset"),
    ],
)
def test_bad_data_is_refused_before_the_model_is_made(
    tmp_path: Path, registered: list[dict[str, Any]], override: str, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        train(make_recipe(), [override], out=tmp_path / "run")
    assert not registered
    assert not (tmp_path / "run").exists()


def test_a_dry_run_does_everything_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Watched(DummyHead):
        def training_step(self, batch: Any, generator: Any, state: Any = ALONE) -> Any:
            done.append("validated" if not self.training else "trained" if state.adversary is None else "with critics")
            return super().training_step(batch, generator, state)

        def previews(self, rows: Any) -> Any:
            done.append("previewed")
            return super().previews(rows)

        def finish(self, examples: Any) -> None:
            done.append("exported")
            super().finish(examples)

    monkeypatch.setattr("mmzoo.training.api.fresh_model", lambda config: Watched())
    recipe = make_recipe(data={"validation_split": "validation"}, checkpoint_every=1000)
    dry_run(recipe, out=tmp_path / "runs" / "new")
    session = ["with critics", "validated", "previewed", "exported"]
    assert done == 2 * session  # the second session trains one step because it has resumed from the first
    assert not (tmp_path / "runs" / "new").exists()
    train(recipe, ["steps=2"], out=tmp_path / "old")
    dry_run(recipe, out=tmp_path / "old")
    assert sorted(path.name for path in (tmp_path / "old").iterdir() if path.is_dir()) == [
        "checkpoints",
        "model",
        "tensorboard",
    ]


@pytest.mark.parametrize("broken", ["previews", "training_step"])
def test_a_dry_run_does_not_pass_over_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    head = type("Broken", (DummyHead,), {})

    def poisoned(self: DummyHead, *given: Any) -> Any:
        self.poison = 0
        return DummyHead.training_step(self, *given)

    monkeypatch.setattr(head, broken, poisoned if broken == "training_step" else lambda self, rows: 1 / 0)
    monkeypatch.setattr("mmzoo.training.api.fresh_model", lambda config: head())
    with pytest.raises(TrainingError):
        dry_run(make_recipe(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command(tmp_path: Path) -> None:
    app = Typer()
    app.command()(command)
    path = tmp_path / "dummy.yaml"
    path.write_text(yaml.safe_dump(make_recipe(steps=3)))
    runner = CliRunner()
    shown = runner.invoke(app, [str(path), "optimizer.lr=1e-5", "--print-config"])
    assert yaml.safe_load(shown.stdout)["optimizer"]["lr"] == 1e-5
    done = runner.invoke(app, [str(path), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0
    assert done.stdout.strip() == str(tmp_path / "run" / "model")
    again = runner.invoke(app, [str(path), "steps=5", "--out", str(tmp_path / "run"), "--export-only"])
    assert again.exit_code == 0
    assert json.loads((tmp_path / "run" / "model" / "training.json").read_text())["steps"] == 3
    further = runner.invoke(app, [str(path), "steps=5", "--out", str(tmp_path / "run"), "--resume"])
    assert further.exit_code == 0
    assert json.loads((tmp_path / "run" / "model" / "training.json").read_text())["steps"] == 5
    both = runner.invoke(app, [str(path), "--no-resume", "--checkpoint", str(tmp_path)])
    assert isinstance(both.exception, UsageError)
    wrong = runner.invoke(app, [str(path), "stepz=3"])
    assert isinstance(wrong.exception, UnknownKeyError)
