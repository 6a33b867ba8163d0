"""Flow matching and its solvers, against exact solutions and the formulas of others."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_dit.backbone import DiT
from mmzoo_dit.flow import Euler, FlowMatching, Heun
from mmzoo_dit.samplers import knots
from torch import Tensor

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, Latents, Predict

SPREADS: list[dict[str, float]] = [{}, {"shift": 3.0}, {"sway": -1.0}, {"shift": 0.5, "sway": 0.4}]


def along(sampler: FlowMatching, steps: int, velocity: Any) -> tuple[Predict, list[int]]:
    """A Predict that evaluates `velocity(x, t)` at the scheduled times, and the list of indices it was asked for."""
    times, asked = sampler.schedule(steps).double(), []

    def predict(x: Tensor, index: int) -> Tensor:
        asked.append(index)
        return velocity(x, times[index])

    return predict, asked


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize(("kind", "evaluations"), [(Euler, lambda n: n), (Heun, lambda n: 2 * n - 1)])
def test_schedule_is_every_evaluation_in_order(
    kind: Any, evaluations: Any, steps: int, spread: dict[str, float]
) -> None:
    sampler = kind(**spread)
    predict, asked = along(sampler, steps, lambda x, t: torch.zeros_like(x))
    sampler.sample(predict, torch.zeros(1, 1, 1), steps)
    assert asked == list(range(evaluations(steps))) == list(range(len(sampler.schedule(steps))))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("kind", [Euler, Heun])
def test_each_evaluation_is_at_its_scheduled_time(kind: Any, spread: dict[str, float]) -> None:
    """A state that grows at rate 1 is its own clock."""
    sampler = kind(**spread)
    times = sampler.schedule(6).double()

    def predict(x: Tensor, index: int) -> Tensor:
        assert abs(x.item() - times[index].item()) < 1e-6
        return torch.ones_like(x)

    end = sampler.sample(predict, torch.zeros(1, 1, 1, dtype=torch.float64), 6)
    assert abs(end.item() - 1) < 1e-12


def error(kind: Any, steps: int, **spread: float) -> float:
    """Distance from the exact solution of dx/dt = (1 + t) x, x(1) = x(0) exp(3 / 2)."""
    sampler = kind(**spread)
    predict, _ = along(sampler, steps, lambda x, t: x * (1 + t))
    x = sampler.sample(predict, torch.ones(1, 1, 1, dtype=torch.float64), steps)
    return abs(x.item() - math.exp(1.5))


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize(("kind", "order"), [(Euler, 1), (Heun, 2)])
def test_order_of_accuracy(kind: Any, order: int, spread: dict[str, float]) -> None:
    measured = math.log2(error(kind, 100, **spread) / error(kind, 200, **spread))
    assert abs(measured - order) < 0.15


def test_straight_paths_need_one_step() -> None:
    data, noise = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    for kind in (Euler, Heun):
        for steps in (1, 3):
            out = kind(sway=-0.7).sample(lambda x, index: data - noise, noise, steps)
            torch.testing.assert_close(out, data, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_euler_is_diffusers_flow_match_euler(shift: float) -> None:
    """x += (sigma_next - sigma) (noise - data) with sigma = shift s / (1 + (shift - 1) s), s even from 1 to 0.

    Theirs steps over sigma = 1 - t and predicts the opposite of our velocity.
    """
    steps, x = 9, torch.randn(2, 3, 4, dtype=torch.float64)
    even = torch.arange(steps, 0, -1, dtype=torch.float64) / steps
    sigmas = torch.cat((shift * even / (1 + (shift - 1) * even), torch.zeros(1, dtype=torch.float64)))

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.sin(3 * x) + x * sigma

    theirs = x
    for index in range(steps):
        theirs = theirs + (sigmas[index + 1] - sigmas[index]) * velocity(theirs, sigmas[index])
    sampler = Euler(shift=shift)
    predict, _ = along(sampler, steps, lambda x, t: -velocity(x, 1 - t))
    # the schedule is handed out in float32
    torch.testing.assert_close(sampler.sample(predict, x, steps), theirs, atol=1e-6, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(steps=st.integers(1, 60), shift=st.floats(0.1, 10), sway=st.floats(-1, 1))
def test_knots_go_from_noise_to_data(steps: int, shift: float, sway: float) -> None:
    times = knots(steps, shift=shift, sway=sway)
    assert times[0] == 0 and times[-1] == 1 and len(times) == steps + 1
    assert all(a < b for a, b in pairwise(times))


def test_knots_by_hand() -> None:
    assert knots(4) == [0, 0.25, 0.5, 0.75, 1]
    assert knots(2, shift=3)[1] == pytest.approx(0.25)  # half of the steps go to the first quarter
    assert knots(2, sway=-1)[1] == pytest.approx(1 - math.cos(math.pi / 4))


def test_gaussians_flow_onto_gaussians() -> None:
    """The exact velocity between N(0, 1) and N(m, s^2) carries x to m + s x."""
    mean, deviation = 3.0, 0.2

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        variance = (1 - t) ** 2 + (t * deviation) ** 2
        return mean + (t * deviation**2 - (1 - t)) / variance * (x - t * mean)

    x = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 9, 1)
    errors = {}
    for kind in (Euler, Heun):
        predict, _ = along(kind(), 100, velocity)
        errors[kind] = (kind().sample(predict, x, 100) - (mean + deviation * x)).abs().max().item()
    assert errors[Euler] < 0.03
    assert errors[Heun] < 0.002


def test_corrupt_is_the_straight_line() -> None:
    data, noise = torch.randn(4, 5, 2), torch.randn(4, 5, 2)
    t = torch.tensor([0.0, 0.25, 0.9, 1.0])
    x_t, target = Euler().corrupt(data, noise, t)
    torch.testing.assert_close(x_t, (1 - t)[:, None, None] * noise + t[:, None, None] * data)
    torch.testing.assert_close(x_t[0], noise[0])
    torch.testing.assert_close(x_t[3], data[3])
    assert torch.equal(target, data - noise)


def test_training_times() -> None:
    generator = torch.Generator().manual_seed(0)
    uniform = Euler().times(20000, generator)
    assert uniform.min() >= 0 and uniform.max() <= 1
    torch.testing.assert_close(
        uniform.quantile(torch.tensor([0.25, 0.75])), torch.tensor([0.25, 0.75]), atol=0.02, rtol=0
    )
    normal = Euler(training_times="logit-normal", logit_mean=0.5, logit_std=2.0).times(20000, generator).logit()
    assert abs(normal.mean() - 0.5) < 0.05 and abs(normal.std() - 2) < 0.05
    again = Euler().times(5, torch.Generator().manual_seed(7))
    assert torch.equal(again, Euler().times(5, torch.Generator().manual_seed(7)))


def test_bad_settings() -> None:
    with pytest.raises(InputError, match=r"\b1\b"):
        Euler().schedule(0)
    with pytest.raises(InputError, match=r"\b1\b"):
        Heun().sample(lambda x, index: x, torch.zeros(1, 1, 1), -2)
    for config, key in [
        ({"shift": 0.0}, "shift"),
        ({"sway": 2.0}, "sway"),
        ({"logit_std": 0.0}, "logit_std"),
        ({"training_times": "beta"}, "training_times"),
    ]:
        with pytest.raises(ConfigError) as caught:
            Euler(**config)
        assert caught.value.path == key


@pytest.mark.slow
def test_a_tiny_dit_learns_a_mixture_by_its_label() -> None:
    """Two groups of two narrow Gaussians each; the label says which group."""
    torch.manual_seed(0)
    centres = torch.tensor([[[2.0, 2.0], [-2.0, -2.0]], [[2.0, -2.0], [-2.0, 2.0]]])
    model = DiT(width=32, depth=2, heads=2, in_channels=2, vector_channels={"label": 2})
    sampler = Euler(shift=1.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0)
    generator = torch.Generator().manual_seed(1)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        label = torch.randint(2, (count,), generator=generator)
        centre = centres[label, torch.randint(2, (count,), generator=generator)]
        return (centre + 0.1 * torch.randn(count, 2, generator=generator)).unsqueeze(1), label

    def given(label: Tensor) -> Condition:
        return Condition({"label": torch.eye(2)[label]})

    steps = 400
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 + math.cos(math.pi * step / steps)) / 2
        data, label = draw(256)
        t = sampler.times(256, generator)
        x_t, target = sampler.corrupt(data, torch.randn(data.shape, generator=generator), t)
        loss = (model(Latents(x_t), t, given(label)) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    label = torch.arange(400) % 2
    noise = torch.randn(400, 1, 2, generator=generator)
    with torch.inference_mode():
        table = model.precompute(sampler.schedule(20), given(label))
        out = sampler.sample(
            lambda x, index: model(Latents(x), None, Condition(), table=table, step=index), noise, 20
        ).squeeze(1)
    distance = torch.cdist(out, centres.flatten(0, 1)).view(400, 2, 2)
    own = distance[torch.arange(400), label]
    assert (own.min(1).values < 0.6).float().mean() > 0.75  # of the noise, one in two hundred
    assert (distance.flatten(1).argmin(1) // 2 == label).float().mean() > 0.95
    for group in range(2):  # both Gaussians of each group are found
        share = (own[label == group].argmin(1) == 0).float().mean()
        assert 0.3 < share < 0.7
