"""A registered model that is trained is written as a model repo, from which it is created again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset

import mmzoo
from mmzoo.composition import own_tensors
from mmzoo.data import make_row, row_features
from mmzoo.errors import UnknownKeyError, UnknownNameError
from mmzoo.training import Trainer, load_recipe
from mmzoo.training.api import fresh_model
from mmzoo.training.checkpoint import read_tensors
from mmzoo.training.recipe import ModelConfig

TEXTS = ["The train was late.", "Nobody knew why.", "Would you wait here?", "The rain began."]
SMALL = {"encoder": {"width": 16, "depth": 1}}


def test_a_trained_model_is_created_from_its_folder_with_the_averaged_weights(tmp_path: Path) -> None:
    made = [make_row(id=str(index), text=text, split="train") for index, text in enumerate(TEXTS)]
    rows = Dataset.from_list(made, features=row_features())
    recipe = {"name": "tiny", "model": {"name": "vqvae-words", "overrides": SMALL}, "data": {"name": "flite-speech"}}
    settings = load_recipe({**recipe, "steps": 3, "batch_size": 2, "device": "cpu", "checkpoint_every": 3})
    torch.manual_seed(0)
    head = mmzoo.create("vqvae-words", pretrained=False, **SMALL)
    before = {name: tensor.clone() for name, tensor in own_tensors(head).items()}
    result = Trainer(settings, head, rows, out=tmp_path, cache=tmp_path / "cache").run()
    again = mmzoo.create(f"local-dir:{result.model}")
    assert again.name == "tiny" and again.recipe["encoder"]["width"] == 16
    averaged = read_tensors(tmp_path / "checkpoints" / "step-00000003", "ema")
    parameters = dict(again.named_parameters())
    for name in parameters:
        torch.testing.assert_close(parameters[name].detach(), averaged[name].half().float(), rtol=0, atol=0)
    assert any(not torch.equal(before[name], averaged[name]) for name in parameters)
    texts = [again.reconstruct(again.tokenize(text)) for text in TEXTS]
    assert texts == [head.eval().reconstruct(head.tokenize(text)) for text in TEXTS]


@pytest.mark.parametrize("key", ["device", "part", "name", "pretrained", "revision"])
def test_overrides_are_of_the_recipe_and_of_nothing_else(key: str) -> None:
    with pytest.raises(UnknownKeyError) as refused:
        fresh_model(ModelConfig(name="vqvae-words", overrides={key: "cpu"}))
    assert refused.value.path == key


def test_a_part_cannot_be_trained() -> None:
    with pytest.raises(UnknownNameError):
        fresh_model(ModelConfig(name="quantizer/fsq", overrides={"levels": [8]}))
