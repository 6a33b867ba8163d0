"""Whole trainings of the dummy head in this process."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_dummy import DummyHead, Rows, make_rows, make_trainer

from mmzoo.errors import (
    CheckpointError,
    ConfigError,
    ConfigTypeError,
    DataError,
    MmzooError,
    TrainingError,
    UnknownKeyError,
    UnknownNameError,
)
from mmzoo.interfaces import ALONE, TrainingState
from mmzoo.training.checkpoint import list_checkpoints, read_tensors

pytestmark = pytest.mark.usefixtures("dummy")


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    return {
        f"{stem}/{k}": v
        for stem in ("model", "ema", "optimizer", "adversary")
        for k, v in read_tensors(path, stem).items()
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_a_whole_training(tmp_path: Path) -> None:
    head = DummyHead()
    result = make_trainer(tmp_path, head=head, preview_every=15, validate_every=10, precision="bf16").run()
    assert (result.status, result.step, result.exit_code) == ("finished", 30, 0)
    exported = load_file(tmp_path / "model" / "model.safetensors")
    assert not any("critic" in name for name in exported)
    averaged = read_tensors(tmp_path / "checkpoints" / "step-00000030", "ema")
    assert torch.equal(exported["net.0.weight"], averaged["net.0.weight"])
    assert not torch.equal(exported["spread"], torch.ones(4))  # finish() ran
    assert torch.equal(averaged["spread"], torch.ones(4))
    metrics = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    train = [m for m in metrics if m["kind"] == "train"]
    assert [m["step"] for m in train] == [5, 10, 15, 20, 25, 30]
    assert train[-1]["l2"] < 0.6 * train[0]["l2"]
    assert train[-1]["items_seen"] == 30 * 8
    assert [m["step"] for m in metrics if m["kind"] == "validation"] == [10, 20, 30]
    assert (tmp_path / "previews" / "step-00000015" / "0_sound.wav").is_file()
    assert (tmp_path / "previews" / "step-00000015" / "0_sound.png").is_file()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(tmp_path.rglob("events.*")).parent)).Reload()
    tags = events.Tags()
    assert any("0_sound" in tag for tag in tags["audio"]) and any("0_sound" in tag for tag in tags["images"])
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert record["steps"] == 30
    assert record["recipe"]["optimizer"]["lr"] == 1e-2
    assert record["parameters"] == sum(p.numel() for p in head.parameters())
    assert record["losses"]["l2"] == train[-1]["l2"]
    assert "step 30/30" in (tmp_path / "train.log").read_text()


def test_previews_and_validation_do_not_change_the_training(tmp_path: Path) -> None:
    make_trainer(tmp_path / "a").run()
    make_trainer(tmp_path / "b", preview_every=3, validate_every=4, log_every=1).run()
    a, b = (tensors_of(tmp_path / name / "checkpoints" / "step-00000030") for name in "ab")
    assert same(a, b)


def test_validation_rows_are_prepared_before_the_first_step(tmp_path: Path) -> None:
    class Particular(DummyHead):
        def examples(self, rows: Any, cache: Path) -> Any:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == 2:
                raise DataError("no text in row 3")
            return super().examples(rows, cache)

    head = Particular()
    with pytest.raises(DataError, match="row 3"):
        make_trainer(tmp_path, head=head, validate_every=20).run()
    assert head.steps == 0


@pytest.mark.parametrize(("stop", "workers"), [(10, 0), (20, 2)])
def test_a_resumed_training_is_bitwise_the_same(tmp_path: Path, stop: int, workers: int) -> None:
    make_trainer(tmp_path / "whole", keep=9).run()
    whole = tmp_path / "whole" / "checkpoints"
    part = make_trainer(tmp_path / "part", num_workers=workers)
    result = part.run(whole / f"step-{stop:08d}")
    assert result.step == 30
    assert same(tensors_of(whole / "step-00000030"), tensors_of(tmp_path / "part" / "checkpoints" / "step-00000030"))
    assert part.progress.sessions == 2


def test_the_adversary_acts_from_its_start_and_learns_alone(tmp_path: Path) -> None:
    class Recording(DummyHead):
        def training_step(self, batch: Any, generator: torch.Generator, state: TrainingState = ALONE) -> Any:
            self.seen.append((self.steps, state.adversary is not None))
            return super().training_step(batch, generator, state)

    head = Recording()
    make_trainer(tmp_path, head=head, keep=9, checkpoint_every=1, steps=8).run()
    assert head.seen == [(n, n >= 5) for n in range(8)]

    def critic(step: int) -> torch.Tensor:
        return read_tensors(tmp_path / "checkpoints" / f"step-{step:08d}", "adversary")["model/critics.0.score.weight"]

    assert torch.equal(critic(1), critic(5))
    assert not torch.equal(critic(5), critic(6))
    assert not any("critic" in n for n in read_tensors(tmp_path / "checkpoints" / "step-00000008", "model"))
    # With a generator's rate of nothing, only the adversary moves, though both losses reach both networks.
    frozen = DummyHead()
    make_trainer(tmp_path / "frozen", head=frozen, keep=9, steps=8, checkpoint_every=1, optimizer={"lr": 1e-30}).run()
    root = tmp_path / "frozen" / "checkpoints"
    first, last = (read_tensors(root / f"step-0000000{n}", "model") for n in (1, 8))
    assert torch.equal(first["net.3.weight"], last["net.3.weight"])
    moved = [read_tensors(root / f"step-0000000{n}", "adversary")["model/critics.0.score.weight"] for n in (5, 8)]
    assert not torch.equal(*moved)


def test_a_recipe_without_adversary_has_none(tmp_path: Path) -> None:
    head = DummyHead()
    make_trainer(tmp_path, head=head, adversary=None).run()
    assert head.seen == []
    assert not (tmp_path / "checkpoints" / "step-00000030" / "adversary.safetensors").exists()


def test_a_recipe_with_an_adversary_needs_a_head_that_takes_critics(tmp_path: Path) -> None:
    head = DummyHead()
    del head.critics
    with pytest.raises(ConfigError) as refused:
        make_trainer(tmp_path, head=head).run()
    assert refused.value.path == "adversary"


@pytest.mark.parametrize(
    ("critics", "error", "path"),
    [
        (["dumy"], UnknownNameError, None),
        (["dummy", {"name": "dummy", "widht": 2}], UnknownKeyError, "adversary.critics[1].widht"),
        ([{"name": "dummy", "width": 0}], ConfigTypeError, "adversary.critics[0].width"),
        ([{"width": 2}], ConfigError, "adversary.critics[0].name"),
        (["os.path"], ConfigTypeError, "adversary.critics[0]"),
        ("dummy", ConfigTypeError, "adversary.critics"),
    ],
)
def test_critics_that_cannot_be_built_are_refused(
    critics: Any, error: type[MmzooError], path: str | None, tmp_path: Path
) -> None:
    with pytest.raises(error) as refused:
        make_trainer(tmp_path, adversary={"critics": critics}).run()
    assert getattr(refused.value, "path", None) == path or path is None


def test_several_critics_are_resumed_exactly(tmp_path: Path) -> None:
    changes = {"adversary": {"critics": ["dummy", {"name": "dummy", "width": 5}], "loss": "least-squares"}}
    make_trainer(tmp_path / "whole", **changes).run()
    make_trainer(tmp_path / "part", stop_after_minutes=1e-9, **changes).run()
    make_trainer(tmp_path / "part", **changes).run()
    whole, part = (tensors_of(tmp_path / name / "checkpoints" / "step-00000030") for name in ("whole", "part"))
    assert same(whole, part)
    assert whole["adversary/model/critics.1.hidden.weight"].shape == (5, 4)


def test_critics_may_be_added_to_a_run_but_not_changed(tmp_path: Path) -> None:
    make_trainer(tmp_path, steps=10, adversary=None).run()
    make_trainer(tmp_path, steps=20, adversary={"critics": [{"name": "dummy", "slope": 0.2}]}).run()
    for critics in (["dummy"], [], [{"name": "dummy", "slope": 0.2}] * 2):
        with pytest.raises(CheckpointError, match=r"adversary\.critics") as refused:
            make_trainer(tmp_path, adversary={"critics": critics}).run()
        assert refused.value.exit_code == 2
    assert make_trainer(tmp_path, adversary={"critics": [{"name": "dummy", "slope": 0.2}]}).run().status == "finished"


def test_bad_steps_are_skipped_and_then_stop_the_training(tmp_path: Path) -> None:
    head = DummyHead()
    head.poison = 13
    with pytest.raises(TrainingError, match=r"\b3\b"):
        make_trainer(tmp_path, head=head, max_bad_steps=3, checkpoint_every=1, keep=9).run()
    newest = tensors_of(list_checkpoints(tmp_path / "checkpoints")[-1])
    assert all(torch.isfinite(tensor).all() for tensor in newest.values())
    assert "update skipped, loss, l2, grad_norm" in (tmp_path / "train.log").read_text()
    assert "reset running to their average" in (tmp_path / "train.log").read_text()


def test_a_single_bad_step_is_survived(tmp_path: Path) -> None:
    class Once(DummyHead):
        def training_step(self, batch: Any, generator: torch.Generator, state: TrainingState = ALONE) -> Any:
            self.poison = 7 if self.steps == 6 else None
            return super().training_step(batch, generator, state)

    trainer = make_trainer(tmp_path, head=Once())
    assert trainer.run().status == "finished"
    assert trainer.progress.skipped == 1


def test_a_pause_can_be_resumed(tmp_path: Path) -> None:
    result = make_trainer(tmp_path / "a", stop_after_minutes=1e-9).run()
    assert (result.status, result.exit_code, result.step) == ("paused", 0, 1)
    assert not (tmp_path / "a" / "model").exists()
    result = make_trainer(tmp_path / "a").run()
    assert (result.status, result.step) == ("finished", 30)
    make_trainer(tmp_path / "b").run()
    a, b = (tensors_of(tmp_path / name / "checkpoints" / "step-00000030") for name in "ab")
    assert same(a, b)


def test_a_spent_budget_finishes_the_model(tmp_path: Path) -> None:
    result = make_trainer(tmp_path, max_minutes=1e-9).run()
    assert result.status == "finished"
    assert result.step < 30
    assert result.model is not None
    assert (result.model / "training.json").is_file()


def test_export_only(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path))):
        make_trainer(tmp_path).run(export_only=True)
    make_trainer(tmp_path, stop_after_minutes=1e-9).run()
    result = make_trainer(tmp_path).run(export_only=True)
    assert result.step == 1
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert [p.name for p in list_checkpoints(tmp_path / "checkpoints")] == ["step-00000001"]


def test_a_changed_recipe_or_dataset_is_refused(tmp_path: Path) -> None:
    make_trainer(tmp_path, steps=10).run()
    with pytest.raises(CheckpointError, match=r"batch_size, model\.overrides\.width") as caught:
        make_trainer(tmp_path, batch_size=4, model={"overrides": {"width": 3}}).run()
    assert caught.value.exit_code == 2
    with pytest.raises(CheckpointError, match=r"\b37\b.*\b36\b"):
        make_trainer(tmp_path, rows=make_rows(36)).run()
    with pytest.raises(TrainingError, match=re.escape(str(tmp_path))):
        make_trainer(tmp_path).run("never")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        make_trainer(tmp_path).run(tmp_path / "nowhere")
    assert make_trainer(tmp_path, steps=12, optimizer={"lr": 1e-3}, log_every=1).run().step == 12


def test_a_full_disk_is_a_warning_until_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmzoo.training.engine as engine

    write, calls = engine.write_checkpoint, []

    def sometimes(*args: Any, **kwargs: Any) -> Path:
        calls.append(args[1])
        if args[1] in broken:
            raise OSError(28, "No space left on device")
        return write(*args, **kwargs)

    monkeypatch.setattr(engine, "write_checkpoint", sometimes)
    broken = {10}
    make_trainer(tmp_path / "a").run()
    assert calls == [10, 20, 30]
    assert "continuing" in (tmp_path / "a" / "train.log").read_text()
    broken = set(range(5, 100))
    with pytest.raises(TrainingError, match=r"step 15\b"):
        make_trainer(tmp_path / "b", checkpoint_every=5).run()


def test_init_from_takes_what_matches(tmp_path: Path) -> None:
    make_trainer(tmp_path / "first").run()
    wider = DummyHead()
    wider.extra = torch.nn.Linear(2, 2)
    wider.net[3] = torch.nn.Linear(8, 5)
    wider.training_step = lambda: None  # type: ignore[assignment, method-assign]
    trainer = make_trainer(tmp_path / "second", head=wider, model={"init_from": str(tmp_path / "first")})
    with pytest.raises(TypeError):  # stops at the first step: only the start matters here
        trainer.run()
    averaged = read_tensors(tmp_path / "first" / "checkpoints" / "step-00000030", "ema")
    assert torch.equal(wider.net[0].weight, averaged["net.0.weight"])
    log = (tmp_path / "second" / "train.log").read_text()
    assert "kept 5 of 9 tensors" in log
    assert "new: extra.weight, extra.bias" in log
    assert "shape differs: net.3.weight, net.3.bias" in log
    began_from = trainer._record()["began_from"]
    assert began_from == json.loads((tmp_path / "first" / "model" / "training.json").read_text())
    assert began_from["steps"] == 30 and began_from["began_from"] is None
    with pytest.raises(ConfigError, match="none"):
        make_trainer(tmp_path / "third", model={"init_from": str(tmp_path / "none")}).run()


def test_files_of_the_model_that_training_begins_from_are_taken_over(tmp_path: Path) -> None:
    class Worded(DummyHead):
        words = "none"

        def files(self) -> dict[str, bytes]:
            return {"words.txt": self.words.encode()}

        def load_files(self, folder: Path) -> None:
            self.words = (folder / "words.txt").read_text()

        def examples(self, rows: Any, cache: Path) -> Any:
            self.words += " and more"
            return super().examples(rows, cache)

    first = Worded()
    first.words = "some"
    make_trainer(tmp_path / "first", head=first).run()
    second = Worded()
    make_trainer(tmp_path / "second", head=second, model={"init_from": str(tmp_path / "first")}).run()
    assert second.words == "some and more and more"
    # The files come again when the training is resumed: its checkpoints do not hold them.
    third = Worded()
    make_trainer(tmp_path / "second", head=third, model={"init_from": str(tmp_path / "first")}).run(resume="auto")
    assert third.words == "some and more and more"


def test_what_is_frozen_stays(tmp_path: Path) -> None:
    head = DummyHead()
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    make_trainer(tmp_path / "a", head=head, model={"freeze": ["net.0"]}).run()
    after = head.state_dict()
    assert torch.equal(after["net.0.weight"], before["net.0.weight"])
    assert not torch.equal(after["net.3.weight"], before["net.3.weight"])
    with pytest.raises(ConfigError, match=r"model\.freeze.*'net\.9'"):
        make_trainer(tmp_path / "b", model={"freeze": ["net.9"]}).run()


def test_a_failing_preview_does_not_end_the_training(tmp_path: Path) -> None:
    class Mute(DummyHead):
        def previews(self, rows: Any) -> Any:
            raise RuntimeError("no sound today")

    assert make_trainer(tmp_path, head=Mute(), preview_every=10).run().status == "finished"
    assert "no sound today" in (tmp_path / "train.log").read_text()


def test_balance_needs_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"balance.*label"):
        make_trainer(tmp_path / "a", balance=True).run()
    monkeypatch.setattr(Rows, "labels", ["rare"] + ["common"] * (len(make_rows()) - 1), raising=False)
    trainer = make_trainer(tmp_path / "b", balance=True)
    assert trainer.run().status == "finished"
    drawn = [index for batch in trainer.order.batches(0) for index in batch]
    assert drawn.count(0) > len(drawn) / 4
    part = make_trainer(tmp_path / "c", balance=0.5)
    assert part.run().status == "finished"
    once = [index for batch in part.order.batches(0) for index in batch].count(0)
    assert 0 < once < drawn.count(0)


# --- what must never be lost --------------------------------------------------------------------------


def damage(checkpoint: Path, how: str) -> None:
    if how == "bytes":
        with (checkpoint / "model.safetensors").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"\x7f")
    elif how == "file":
        (checkpoint / "ema.safetensors").unlink()
    else:
        (checkpoint / "manifest.json").write_text("{" if how == "manifest" else "[]")


@pytest.mark.parametrize("how", ["bytes", "file", "manifest", "list"])
def test_a_run_whose_checkpoints_are_all_damaged_is_not_started_over(tmp_path: Path, how: str) -> None:
    make_trainer(tmp_path / "run", steps=20).run()
    finished = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()
    older, newest = list_checkpoints(tmp_path / "run" / "checkpoints")
    damage(newest, how)
    again = make_trainer(tmp_path / "run", steps=20)
    assert again.run().step == 20 and "Trying an older one" in (tmp_path / "run" / "train.log").read_text()
    damage(older, how)
    damage(list_checkpoints(tmp_path / "run" / "checkpoints")[-1], how)
    for changes in ({"steps": 20}, {"steps": 40}):
        for export_only in (False, True):
            with pytest.raises(CheckpointError, match=r"step-00000010.*step-00000020.*--out"):
                make_trainer(tmp_path / "run", **changes).run(export_only=export_only)
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == finished
    trainer = make_trainer(tmp_path / "new", steps=5, model={"init_from": str(tmp_path / "run")})
    assert trainer.run().status == "finished"  # as the message says


@pytest.mark.parametrize("resume", ["auto", "never"])
def test_a_finished_model_without_checkpoints_is_not_overwritten(tmp_path: Path, resume: str) -> None:
    make_trainer(tmp_path, steps=5).run()
    finished = (tmp_path / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(TrainingError, match=r"model.*--out"):
        make_trainer(tmp_path, steps=5).run(resume)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == finished


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("balance", {"balance": True}),
        ("seed", {"seed": 1}),
        ("bucket", {"bucket": False}),
        ("batch_size", {"batch_size": 4}),
        ("data.name", {"data": {"name": "other"}}),
        ("data.split", {"data": {"split": "all"}}),
        ("data.limit", {"data": {"limit": 30}}),
        ("data.config.columns", {"data": {"config": {"columns": {"image": "img"}}}}),
        ("model.freeze", {"model": {"freeze": ["net.0"]}}),
    ],
)
def test_a_changed_key_is_refused_by_name_before_examples_are_built(
    tmp_path: Path, key: str, changes: dict[str, Any]
) -> None:
    class Unbuilt(DummyHead):
        def examples(self, rows: Any, cache: Path) -> Any:
            raise AssertionError

    make_trainer(tmp_path, steps=5).run()
    with pytest.raises(CheckpointError, match=rf"differs in {re.escape(key)};") as caught:
        make_trainer(tmp_path, head=Unbuilt(), **{"steps": 5, **changes}).run()
    assert caught.value.exit_code == 2
