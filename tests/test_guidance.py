"""Classifier-free guidance: the formula, and that what is not needed is not computed."""

from __future__ import annotations

import pytest
import torch
from mmzoo_dit.backbone import DiT
from mmzoo_dit.few_steps import Shortcut
from mmzoo_dit.flow import Euler
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces import Condition, Latents
from mmzoo.interfaces.guidance import doubled, guided, paired, prediction


class Counter:
    """Predictions that differ with and without the condition, and how many items each call had."""

    def __init__(self) -> None:
        self.items: list[int] = []

    def conditional(self, x: Tensor, index: int) -> Tensor:
        self.items.append(len(x))
        return x + 1

    def both(self, x: Tensor, index: int) -> Tensor:
        self.items.append(len(x))
        cond, uncond = x.chunk(2)
        return torch.cat((cond + 1, uncond - 2))


def test_formula() -> None:
    counter, x = Counter(), torch.randn(3, 4, 2)
    predict = guided(counter.conditional, counter.both, scale=2.5, times=[0.0, 0.5])
    torch.testing.assert_close(predict(x, 1), (x - 2) + 2.5 * ((x + 1) - (x - 2)))
    assert counter.items == [6]


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize(
    ("scale", "interval", "items"),
    [
        (2.0, (0.0, 1.0), [6, 6, 6, 6]),
        (1.0, (0.0, 1.0), [3, 3, 3, 3]),
        (2.0, (0.25, 0.5), [3, 6, 6, 3]),
        (0.0, (0.0, 0.0), [6, 3, 3, 3]),
    ],
)
def test_calls(scale: float, interval: tuple[float, float], items: list[int], as_tensor: bool) -> None:
    counter, sampler = Counter(), Euler()
    times = sampler.schedule(4)
    predict = guided(
        counter.conditional, counter.both, scale=scale, times=times if as_tensor else times.tolist(), interval=interval
    )
    sampler.sample(predict, torch.zeros(3, 2, 1), 4)
    assert counter.items == items


@pytest.mark.parametrize("interval", [(0.6, 0.5), (-0.1, 1.0), (0.0, 1.1)])
def test_bad_interval(interval: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"start.*end"):
        guided(Counter().conditional, Counter().both, scale=2, times=[0.0], interval=interval)


def test_joined_batch_is_two_batches() -> None:
    torch.manual_seed(0)
    model = DiT(
        width=16, depth=2, heads=2, in_channels=3,
        vector_channels={"label": 4}, aligned_channels={"text": 5}, sequence_channels={"caption": 6},
    )  # fmt: skip
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    latents = Latents(torch.randn(2, 5, 3), mask, positions=torch.rand(2, 5, 1) * 9)
    label, text = torch.randn(2, 4), torch.randn(2, 5, 5)
    caption = Latents(torch.randn(2, 4, 6))
    condition = Condition({"label": label}, {"text": text}, {"caption": caption})
    null = Condition({"label": label * 0}, {"text": text * 0}, {"caption": Latents(torch.zeros(2, 1, 6))})
    times = torch.tensor([0.0, 0.4])
    with torch.inference_mode():
        table, null_table = model.precompute(times, condition), model.precompute(times, null)
        joined = model.precompute(times, paired(condition, null))
        both = model(doubled(latents), None, Condition(), table=joined, step=1)
        torch.testing.assert_close(
            both[:2], model(latents, None, Condition(), table=table, step=1), atol=1e-5, rtol=1e-5
        )
        torch.testing.assert_close(
            both[2:], model(latents, None, Condition(), table=null_table, step=1), atol=1e-5, rtol=1e-5
        )
    assert not torch.allclose(both[:2], both[2:], atol=1e-2)


def test_pairs_name_the_same_entries() -> None:
    with pytest.raises(InputError, match=r"\['a'\].*\[\]"):
        paired(Condition({"a": torch.zeros(1, 1)}), Condition())


def test_shared_positions_stay_shared() -> None:
    frame = doubled(Latents(torch.zeros(2, 4, 1), positions=torch.zeros(1, 4, 1)))
    assert frame.x.shape[0] == 4
    assert frame.positions is not None and frame.positions.shape[0] == 1
    assert frame.mask is None


@pytest.mark.parametrize("sampler", [Euler(), Shortcut()], ids=["times", "step sizes"])
def test_prediction_binds_backbone_and_guidance(sampler: Euler) -> None:
    """Sampling with `prediction` is sampling with the formula written out by hand."""
    torch.manual_seed(0)
    model = DiT(
        width=16, depth=1, heads=2, in_channels=3, vector_channels={"label": 4}, position="rope-2d",
        step_size=isinstance(sampler, Shortcut),
    )  # fmt: skip
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    frame = Latents(torch.zeros(2, 4, 3), grid=(2, 2))
    condition, null = Condition({"label": torch.randn(2, 4)}), Condition({"label": torch.zeros(2, 4)})
    noise = torch.randn(2, 4, 3)
    with torch.inference_mode():

        def by_hand(x: Tensor, index: int) -> Tensor:
            t = sampler.schedule(3)[[index, index]]
            cond, uncond = model(frame.with_x(x), t, condition), model(frame.with_x(x), t, null)
            return uncond + 2 * (cond - uncond)

        bound = prediction(model, sampler, frame, condition, null, num_steps=3, scale=2.0)
        torch.testing.assert_close(sampler.sample(bound, noise, 3), sampler.sample(by_hand, noise, 3))
        plain = prediction(model, sampler, frame, condition, num_steps=3)
        wanted = model(frame.with_x(noise), sampler.schedule(3)[[1, 1]], condition)
        torch.testing.assert_close(plain(noise, 1), wanted)
