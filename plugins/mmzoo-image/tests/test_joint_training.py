"""The tokenizer and the diffusion transformer trained jointly, by the engine."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image as Pillow
from torch import Tensor

import mmzoo
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Image, Slot, TaskHead
from mmzoo.training.checkpoint import read_tensors
from mmzoo.training.engine import Trainer
from mmzoo.training.recipe import load_recipe

WIDTH = 32


def rows(count: int = 8) -> Dataset:
    """Noisy pictures, so that their vectors differ and codebooks have somewhere to go."""
    generator = np.random.default_rng(0)

    def png() -> dict[str, object]:
        buffer = io.BytesIO()
        Pillow.fromarray(generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    return Dataset.from_dict(
        {
            "id": [str(i) for i in range(count)],
            "text": ["one", "two"] * (count // 2),
            "image": [png() for _ in range(count)],
        }
    )


def trainer(out: Path, *, through: bool = False, joint: bool = True, steps: int = 4) -> Trainer:
    """The digits model, small, over its published tokenizer."""
    overrides: dict[str, Any] = {
        "head": {"width": WIDTH, "side": 16, "through": through},
        "text": {"width": WIDTH},
        "backbone": {
            "width": WIDTH, "depth": 1, "heads": 2, "vector_channels": {"text": WIDTH},
            "aligned_channels": {"place": WIDTH, "picture": 36}, "sequence_channels": {"words": WIDTH},
        },
    }  # fmt: skip
    recipe = load_recipe(
        {
            "name": "tiny", "steps": steps, "batch_size": 4, "optimizer": {"warmup_steps": 0, "lr": 1e-3},
            "model": {"name": "vqvae-dit-digits", "joint": ["tokenizer"] if joint else []}, "data": {"name": "rows"},
            "log_every": 1, "checkpoint_every": 1, "keep": 9, "validate_every": 2,
        }
    )  # fmt: skip
    torch.manual_seed(0)
    model = mmzoo.create("vqvae-dit-digits", pretrained=False, **overrides)
    return Trainer(recipe, model, rows(), validation_rows=rows(4), out=out, cache=out)


def changed(tokenizer: TaskHead) -> set[str]:
    """The tensors of a trained tokenizer that differ from the published ones."""
    published = mmzoo.create("vqvae-image").state_dict()
    return {name for name, tensor in tokenizer.state_dict().items() if not torch.equal(tensor, published[name])}


def test_a_frozen_tokenizer_stays_as_it_is(tmp_path: Path) -> None:
    run = trainer(tmp_path, joint=False)
    result = run.run()
    assert changed(run.head.tokenizer) == set()
    assert result.losses is not None and not any(name.startswith("tokenizer") for name in result.losses)
    assert not (tmp_path / "model-tokenizer").exists()


@pytest.mark.parametrize("through", [False, True])
def test_codebooks_and_encoder_move_and_both_models_are_written(tmp_path: Path, through: bool) -> None:
    run = trainer(tmp_path, through=through)
    result = run.run()
    assert result.losses is not None and {"flow", "tokenizer_pixels", "tokenizer_psnr"} <= set(result.losses)
    moved = changed(run.head.tokenizer)
    assert {"quantizer.codebook.sums", "quantizer.codebook.counts"} <= moved
    assert any(name.startswith("encoder.") for name in moved)
    assert not moved & {"latent_mean", "latent_spread"}  # the flow learns in these units, so they stay
    log = (tmp_path / "train.log").read_text()
    assert "tokenizer_psnr" in log[log.index("validation at step 2") :].splitlines()[0]
    again = mmzoo.create(f"local-dir:{tmp_path / 'model'}")
    assert (again.name, again.tokenizer.name) == ("tiny", "tiny-tokenizer")  # no longer the published models
    stored = mmzoo.create(f"local-dir:{tmp_path / 'model-tokenizer'}").state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in again.tokenizer.state_dict().items())
    assert isinstance(again("one", steps=1), Image)


def encoder_gradient(out: Path, *, through: bool) -> Tensor:
    """What the first update gives the encoder's last layer."""
    run = trainer(out, through=through, steps=1)
    weight = run.head.tokenizer.encoder.to_latent.weight
    seen: list[Tensor] = []
    weight.requires_grad_(True).register_hook(lambda gradient: seen.append(gradient.clone()))
    run.run()
    return torch.stack(seen).sum(0)


def test_the_flow_reaches_the_encoder_only_when_asked(tmp_path: Path) -> None:
    alone = encoder_gradient(tmp_path / "own", through=False)
    assert torch.equal(alone, encoder_gradient(tmp_path / "again", through=False))
    both = encoder_gradient(tmp_path / "through", through=True)
    assert (both - alone).norm() > 1e-3 * alone.norm() > 0


def test_a_joint_run_resumes_exactly(tmp_path: Path) -> None:
    trainer(tmp_path / "whole", through=True).run()
    at_two = tmp_path / "whole" / "checkpoints" / "step-00000002"
    trainer(tmp_path / "part", through=True).run(at_two)
    for kind in ("model", "ema", "optimizer"):
        ends = [read_tensors(tmp_path / name / "checkpoints" / "step-00000004", kind) for name in ("whole", "part")]
        assert ends[0].keys() == ends[1].keys()
        assert [name for name, tensor in ends[0].items() if not torch.equal(tensor, ends[1][name])] == []


def test_a_model_in_another_slot_that_stays_frozen_cannot_be_joint(tmp_path: Path) -> None:
    run = trainer(tmp_path, steps=1)

    class Twice(type(run.head)):  # type: ignore[misc]
        slots: ClassVar = {**type(run.head).slots, "again": Slot("head", model=True)}

    run.head.__class__ = Twice
    run.head.again = run.head.tokenizer
    with pytest.raises(ConfigError) as refused:
        run.run()
    assert refused.value.path == "model.joint"


@pytest.mark.parametrize("path", ["tokenizer", ""])
def test_what_is_trained_cannot_be_frozen_whole(tmp_path: Path, path: str) -> None:
    run = trainer(tmp_path, steps=1)
    run.recipe.model.freeze.append(path)
    with pytest.raises(ConfigError) as refused:
        run.run()
    assert refused.value.path == "model.freeze"
