"""The joint DiT: streams noisy, given and absent; times of their own; padding; one stream as a backbone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import mmzoo
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, Latents
from mmzoo.interfaces.guidance import prediction

CHANNELS = {"image": 6, "speech": 5, "text": 4}


def fresh(**config):
    torch.manual_seed(0)
    model = mmzoo.create("backbone/joint-dit", **{"channels": CHANNELS, "width": 32, "depth": 2, "heads": 2, **config})
    for parameter in model.parameters():  # gates and outputs start at zero: let every path count
        nn.init.normal_(parameter, std=0.15)
    return model


def streams(*names: str, batch: int = 2) -> dict[str, Latents]:
    generator = torch.Generator().manual_seed(1)
    made = {
        "image": Latents(torch.randn(batch, 6, 6, generator=generator), grid=(2, 3), modality="image"),
        "speech": Latents(torch.randn(batch, 7, 5, generator=generator), modality="speech"),
        "text": Latents(torch.randn(batch, 3, 4, generator=generator), modality="text"),
    }
    return {name: made[name] for name in names}


def times(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.full((2,), value) for name, value in values.items()}


def test_every_stream_sees_every_other_and_its_time():
    model, three = fresh(), streams("image", "speech", "text")
    found = model.joint(three, times(image=0.2, speech=0.5, text=0.9))
    assert {name: p.shape for name, p in found.items()} == {name: latents.x.shape for name, latents in three.items()}
    for name in CHANNELS:
        other = {**three, name: three[name].with_x(three[name].x.roll(1, 0))}
        changed = model.joint(other, times(image=0.2, speech=0.5, text=0.9))
        later = model.joint(three, {**times(image=0.2, speech=0.5, text=0.9), name: torch.full((2,), 0.7)})
        for seen in CHANNELS:
            assert not torch.allclose(changed[seen], found[seen], atol=1e-4)
            assert not torch.allclose(later[seen], found[seen], atol=1e-4)


def test_an_absent_stream_is_one_that_is_masked_out():
    model, three = fresh(), streams("image", "speech", "text")
    nothing = Latents(three["text"].x, torch.zeros(2, 3, dtype=torch.bool))
    given = times(image=0.2, speech=0.5, text=0.9)
    masked = model.joint({**three, "text": nothing}, given)
    absent = model.joint(streams("image", "speech"), times(image=0.2, speech=0.5))
    torch.testing.assert_close(masked["image"], absent["image"], atol=1e-5, rtol=1e-5)
    assert (masked["text"] == 0).all()


def test_an_item_of_a_padded_batch_is_what_it_is_alone():
    model, three = fresh(), streams("image", "speech", "text")
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    x = three["speech"].x.masked_fill(~mask.unsqueeze(-1), 50.0)
    together = model.joint({**three, "speech": Latents(x, mask)}, times(image=0.2, speech=0.5, text=0.9))
    single = {name: Latents(p.x[1:], grid=p.grid) for name, p in three.items()}
    single["speech"] = Latents(three["speech"].x[1:, :4])
    alone = model.joint(single, {name: t[1:] for name, t in times(image=0.2, speech=0.5, text=0.9).items()})
    for name, count in (("image", 6), ("speech", 4), ("text", 3)):
        torch.testing.assert_close(together[name][1:, :count], alone[name], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", list(CHANNELS))
def test_as_a_backbone_it_predicts_one_stream_under_given_ones(name):
    model, three = fresh(), streams("image", "speech", "text")
    x, given = three[name], {other: latents for other, latents in three.items() if other != name}
    condition = Condition(sequences=given)
    direct = model(x, torch.tensor([0.3, 0.3]), condition)
    clean = {other: torch.ones(2) for other in given}
    torch.testing.assert_close(direct, model.joint(three, {name: torch.full((2,), 0.3), **clean})[name])
    table = model.precompute(torch.tensor([0.1, 0.3]), condition)
    torch.testing.assert_close(model(x, None, condition, table=table, step=1), direct, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(model(x, None, condition, table=table, step=0), direct, atol=1e-4)


def test_it_samples_with_the_common_samplers():
    model, sampler = fresh(), mmzoo.create("sampler/euler")
    given = streams("image")
    noise = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))
    frame = Latents(noise, modality="speech")
    predict = prediction(model, sampler, frame, Condition(sequences=given), num_steps=3)
    assert sampler.sample(predict, noise, 3).shape == noise.shape


def test_places_in_a_grid_count():
    model = fresh()
    x = streams("image")["image"]
    other = Latents(x.x, grid=(3, 2), modality="image")
    t = {"image": torch.tensor([0.5, 0.5])}
    assert not torch.allclose(
        model.joint({"image": x}, t)["image"], model.joint({"image": other}, t)["image"], atol=1e-4
    )


def test_all_parameters_learn_when_all_streams_are_predicted():
    model = fresh().train()
    found = model.joint(streams("image", "speech", "text"), times(image=0.2, speech=0.5, text=0.9))
    sum(prediction.square().mean() for prediction in found.values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_what_is_refused():
    model, three = fresh(), streams("image", "speech", "text")
    half = torch.full((2,), 0.5)
    for call, told in (
        (lambda: model.joint(three, times(image=0.5)), "image"),
        (lambda: model.joint({"video": three["text"]}, {"video": half}), "video"),
        (lambda: model.joint({"text": three["image"]}, {"text": half}), r"\b4\b"),
        (lambda: model(three["image"], half, Condition(vectors={"a": half})), "vectors"),
        (lambda: model(three["image"], half, Condition(sequences=three)), "image"),
        (lambda: model(three["image"], None, Condition()), "times"),
        (lambda: model(three["image"], None, Condition(), table=model.precompute(half, Condition())), "step"),
    ):
        with pytest.raises(InputError, match=told):
            call()
    for config, told in (
        ({"channels": {}}, "stream"),
        ({"stream": "video"}, "video"),
        ({"depth": 0}, r"\b1\b"),
        ({"heads": 3}, r"\b3\b"),
    ):
        with pytest.raises(ConfigError, match=told):
            fresh(**config)
