"""Pictures from masks of classes, and what recognition asks a generator: hidden states and denoising errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_image.from_mask import MaskToImage
from mmzoo_image.head import FEATURE_TIME, TextToImage
from mmzoo_image.masks import class_fractions
from torch import nn

import mmzoo
from mmzoo.data import encode_image, make_row, to_dataset
from mmzoo.data.words import Words
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Diffuses, Image

WIDTH, SIDE, CLASSES = 32, 16, 3


def small(cls: type[TextToImage] = MaskToImage, classes: int = CLASSES, depth: int = 2) -> TextToImage:
    """An untrained model over an untrained tokenizer of patches of 4 pixels."""
    tokenizer = mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [16, 16], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    model = cls(dim=8, width=WIDTH, vocabulary=32, side=SIDE, num_steps=2, feature_depth=1, mask_classes=classes)
    model.tokenizer = tokenizer
    model.text = mmzoo.create("encoder/symbols", vocabulary=32, width=WIDTH, depth=1)
    model.backbone = mmzoo.create(
        "backbone/dit", width=WIDTH, depth=depth, heads=2, in_channels=8, vector_channels={"text": WIDTH},
        aligned_channels={"place": WIDTH, "picture": 12 + classes}, sequence_channels={"words": WIDTH},
        position="rope-2d",
    )  # fmt: skip
    model.sampler = mmzoo.create("sampler/euler")
    for parameter in model.backbone.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.words = Words(["blue", "red"])
    model.connect()
    return model.eval()


def mask(left: int, right: int, side: int = SIDE) -> Image:
    values = np.full((side, side), left, np.uint8)
    values[:, side // 2 :] = right
    return Image(values)


def rows(count: int = 4) -> Dataset:
    cells = [{"bytes": encode_image(mask(i % 3, 1)), "path": None} for i in range(count)]
    pictures = [encode_image(Image(np.full((SIDE, SIDE, 3), 60 * i, np.uint8))) for i in range(count)]
    return to_dataset(
        [
            make_row(id=str(i), text=("red", "blue")[i % 2], split="train", image=pictures[i], mask=cells[i])
            for i in range(count)
        ]
    )


def test_fractions_of_patches():
    values = torch.from_numpy(mask(0, 2, 8).pixels[None, ..., 0].copy())
    values[0, 0, 0] = 255  # no class
    fractions = class_fractions(values, 3, (2, 2), 4)
    assert fractions.shape == (1, 4, 3)
    assert fractions[0].tolist() == [[15 / 16, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]
    padded = class_fractions(values[:, :6], 3, (2, 2), 4)
    assert padded[0, 3].tolist() == [0, 0, 0.5]


def test_a_mask_decides_the_picture_and_replaces_a_caption(tmp_path):
    model = small()
    first = model.generate(["", ""], masks=[mask(0, 1), mask(1, 0)], seed=3)
    (again,) = model.generate([""], masks=[mask(1, 0, 64)], seed=4)
    assert np.array_equal(first[1].pixels, again.pixels)  # of any size, and alone
    (other,) = model.generate([""], masks=[mask(2, 0)], seed=4)
    assert not np.array_equal(other.pixels, again.pixels)
    assert not np.array_equal(model.generate(["red"], masks=[mask(1, 0)], seed=4)[0].pixels, again.pixels)
    path = mask(1, 0).save(tmp_path / "mask.png")
    assert np.array_equal(model.generate_item(mask=str(path), seed=4).pixels, again.pixels)
    assert model.generate(["red"])[0].pixels.shape == (SIDE, SIDE, 3)
    assert model.denoise([mask(0, 1)])[0].pixels.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("masks", [[mask(0, 1)], mask(0, 1), []])
def test_masks_that_are_refused(masks):
    with pytest.raises(InputError, match="2"):
        small().generate(["", "red"], masks=masks)


def test_models_without_masks_refuse_them():
    with pytest.raises(InputError, match="masks"):
        small(TextToImage, classes=0).generate(["red"], masks=[mask(0, 1)])
    with pytest.raises(ConfigError) as refused:
        small(MaskToImage, classes=0)
    assert refused.value.path == "mask_classes"


def test_masks_take_part_in_training(tmp_path):
    model = small().train()
    examples = model.examples(rows(), tmp_path)
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(4)])
    assert set(batch) == set(examples.keys) == set(model.batch_keys)
    model.drop = model.edits = 0.0
    losses = [
        model.training_step({**batch, "mask": one}, torch.Generator().manual_seed(0)).total.item()
        for one in (batch["mask"], 2 - batch["mask"])
    ]
    assert losses[0] != losses[1]
    model.drop = 1.0  # masks are dropped like captions
    losses = [
        model.training_step({**batch, "mask": one}, torch.Generator().manual_seed(0)).total.item()
        for one in (batch["mask"], 2 - batch["mask"])
    ]
    assert losses[0] == losses[1]
    assert next(iter(model.eval().previews(rows())))[1].pixels.shape == (SIDE, 2 * SIDE, 3)


# --- what recognition asks --------------------------------------------------------------------------------


def pixels(count: int = 2) -> torch.Tensor:
    return torch.rand(count, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))


def test_hidden_states_at_several_depths_and_times():
    model = small(TextToImage, classes=0)
    assert isinstance(model, Diffuses)
    states = model.hidden_states(pixels(), depths=[1, 2], times=[0.5, FEATURE_TIME])
    assert states.x.shape == (2, 16, 4 * WIDTH) and states.grid == (4, 4)
    one = model.hidden_states(pixels()[1:], depths=[1], times=[FEATURE_TIME])
    assert torch.allclose(states.x[1:, :, 2 * WIDTH : 3 * WIDTH], one.x, atol=1e-5)
    assert torch.allclose(model.features(pixels()[1:]).x, one.x)


def test_denoising_errors_are_paired():
    model = small(TextToImage, classes=0)
    times = torch.tensor([0.3, 0.6, 0.6])
    errors = model.denoising_errors(pixels(1), ["red", "blue", "red", "blue red"], times=times, seeds=[4, 5, 6])
    assert errors.shape == (4, 3) and torch.allclose(errors[0], errors[2], rtol=1e-5)
    assert (errors[0] != errors[1]).all() and errors[0, 1] != errors[0, 2]
    alone = model.denoising_errors(pixels(1), ["blue"], times=times[1:2], seeds=[5])
    assert torch.allclose(alone[0, 0], errors[1, 1], rtol=1e-4)


def test_denoising_errors_are_those_of_the_loss():
    model = small(TextToImage, classes=0)
    (error,) = model.denoising_errors(pixels(1), ["red"], times=torch.tensor([0.4]), seeds=[7]).flatten()
    latents = model.tokenizer.encode_latents(pixels(1))
    data = model.tokenizer.embed_codes(model.tokenizer.quantize_latents(latents)).float()
    noise = torch.randn(1, *data.shape[1:], generator=torch.Generator().manual_seed(7))
    x_t, target = model.sampler.corrupt(data, noise, torch.tensor([0.4]))
    with torch.no_grad():
        condition = model._condition(model.words.ids(["red"])[0], latents.grid, None)
        predicted = model.backbone(latents.with_x(x_t), torch.tensor([0.4]), condition)
    assert torch.allclose((predicted - target).square().mean(), error, rtol=1e-4)
