"""Few-step samplers in every head that has a sampler: one line of a recipe changes how it is trained and sampled."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image as Pillow

import mmzoo
from mmzoo import registry
from mmzoo.errors import PortError
from mmzoo.interfaces import Image
from mmzoo.testing.common import NotChecked, run_check
from mmzoo.testing.heads import HeadTrial
from mmzoo.training.checkpoint import read_tensors
from mmzoo.training.engine import Trainer
from mmzoo.training.recipe import load_recipe
from mmzoo.training.start import Start, begin_from

SAMPLERS = ("meanflow", "shortcut")


def heads() -> dict[str, Mapping[str, Any]]:
    """The first trial of every first-party head whose recipe has a sampler."""
    specs = [spec for spec in registry.catalog().components("head") if spec.plugin.startswith("mmzoo-")]
    return {spec.name: spec.trials[0] for spec in specs if "sampler" in spec.trials[0].get("slots", {})}


def trial(name: str, sampler: str, *, step_size: bool = True) -> HeadTrial:
    given = dict(heads()[name])
    slots, rows = dict(given.pop("slots")), given.pop("rows", True)
    slots |= {"sampler": sampler, "backbone": {**slots["backbone"], "step_size": step_size}}
    return HeadTrial("head", name, given, slots=slots, rows=rows, batch=6)


def test_speech_and_pictures_are_among_the_heads() -> None:
    assert {"tts", "text-to-image"} <= set(heads())


@pytest.mark.parametrize("head", heads())
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_head_trains(head: str, sampler: str) -> None:
    subject = trial(head, sampler)
    for name in ("ports", "training", "masks"):
        with contextlib.suppress(NotChecked):  # pictures have no padding
            run_check(subject.label, name, subject.checks()[name])
    model = subject.fresh().train()
    losses = subject.train_step(model, subject.make_batch(model))
    assert {"flow", "steps"} <= set(losses.parts)
    losses.total.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for name, p in model.backbone.named_parameters() if ".step." in name]
    assert len(gradients) == 2 and all(g is not None for g in gradients)


@pytest.mark.parametrize("head", heads())
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_backbone_without_step_sizes_is_an_error_with_a_remedy(head: str, sampler: str) -> None:
    with pytest.raises(PortError, match=r"sampler\.times.*set backbone\.step_size to True") as caught:
        _ = trial(head, sampler, step_size=False).plan
    assert caught.value.path == "backbone.times"


# --- training by the engine ---------------------------------------------------------------------------------

WIDTH = 32


def rows(count: int = 8) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)

    def png(index: int) -> dict[str, object]:
        buffer = io.BytesIO()
        Pillow.fromarray(pixels[index]).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    return Dataset.from_dict(
        {
            "id": [str(i) for i in range(count)],
            "text": ["one", "two"] * (count // 2),
            "image": [png(i) for i in range(count)],
        }
    )


def trainer(out: Path, sampler: str) -> Trainer:
    """The digits model, small, over its published tokenizer."""
    line = {"sampler": {"name": sampler}, "backbone": {"step_size": True}}
    overrides: dict[str, Any] = {
        "head": {"width": WIDTH, "side": 16, "num_steps": 1},
        "text": {"width": WIDTH},
        "sampler": line["sampler"],
        "backbone": {
            "width": WIDTH, "depth": 1, "heads": 2, "vector_channels": {"text": WIDTH},
            "aligned_channels": {"place": WIDTH, "picture": 36}, "sequence_channels": {"words": WIDTH},
            **line["backbone"],
        },
    }  # fmt: skip
    recipe = load_recipe(
        {
            "name": "tiny", "steps": 4, "batch_size": 4, "optimizer": {"warmup_steps": 0, "lr": 1e-3},
            "model": {"name": "vqvae-dit-digits"}, "data": {"name": "rows"},
            "log_every": 1, "checkpoint_every": 1, "keep": 9,
        }
    )  # fmt: skip
    torch.manual_seed(0)
    return Trainer(recipe, mmzoo.create("vqvae-dit-digits", pretrained=False, **overrides), rows(), out=out, cache=out)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_resumes_exactly_and_its_model_draws_in_one_step(tmp_path: Path, sampler: str) -> None:
    trainer(tmp_path / "whole", sampler).run()
    trainer(tmp_path / "part", sampler).run(tmp_path / "whole" / "checkpoints" / "step-00000002")
    for kind in ("model", "ema", "optimizer"):
        ends = [read_tensors(tmp_path / name / "checkpoints" / "step-00000004", kind) for name in ("whole", "part")]
        assert ends[0].keys() == ends[1].keys()
        assert [name for name, tensor in ends[0].items() if not torch.equal(tensor, ends[1][name])] == []
    model = mmzoo.create(tmp_path / "whole" / "model")
    drawn = model("one")
    assert isinstance(drawn, Image) and np.array_equal(drawn.pixels, model("one", steps=1).pixels)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_published_model_of_flow_matching_is_where_training_starts(sampler: str) -> None:
    """As `model.init_from` does it: what is new starts at zero, so the prediction is the published one."""
    published = mmzoo.create("vqvae-dit-digits")
    tuned = mmzoo.create("vqvae-dit-digits", pretrained=False, sampler=sampler, backbone={"step_size": True})
    said: list[str] = []
    begin_from(tuned, Start.of("vqvae-dit-digits"), rows(), said.append, fresh=True)
    assert any("backbone.time.step.weight" in line for line in said)
    inputs, outputs = published.golden(None)
    assert torch.equal(tuned.golden(inputs)[1]["prediction"], outputs["prediction"])
    assert tuned.words.words == published.words.words


def test_speech_in_one_step_follows_temperature_and_seed() -> None:
    voice = mmzoo.create("vqvae-dit-tts", pretrained=False, backbone={"depth": 1})
    with torch.no_grad():
        for parameter in voice.backbone.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))

    def said(**options: Any) -> np.ndarray:
        return voice.speak_phones(["pau", "hh", "ay", "pau"], [0.1, 0.1, 0.2, 0.1], **options).samples

    assert np.array_equal(said(), said(steps=1)) and not np.array_equal(said(), said(steps=2))
    assert not np.array_equal(said(), said(seed=1))
    cold = said()
    voice.temperature = 0.2
    assert not np.array_equal(said(), cold)
