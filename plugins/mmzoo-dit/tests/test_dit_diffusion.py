"""DDIM and DPM-Solver++: against the exact solution for Gaussian data, against diffusers' formulas, and each other."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_dit.diffusion import DDIM, DPMSolver
from mmzoo_dit.flow import Euler
from torch import Tensor

import mmzoo
from mmzoo.errors import ConfigError, InputError

MEAN, SPREAD = 1.5, 0.3


def signal(path: str, t: Tensor) -> tuple[Tensor, Tensor]:
    return (t, 1 - t) if path == "straight" else ((t * math.pi / 2).sin(), (t * math.pi / 2).cos())


def best_prediction(path: str, x: Tensor, t: Tensor) -> Tensor:
    """What a perfect network predicts for data N(MEAN, SPREAD ** 2): the target's mean given x."""
    alpha, sigma = signal(path, t)
    gain = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
    data = MEAN + gain * (x - alpha * MEAN)
    noise = (x - alpha * data) / sigma
    return data - noise if path == "straight" else sigma * data - alpha * noise


def errors(sampler: Any, path: str, steps: int) -> float:
    """How far samples are from MEAN + SPREAD * noise, which is where the exact flow takes each noise."""
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 9, 1)
    times = sampler.schedule(steps).double()
    found = sampler.sample(lambda x, i: best_prediction(path, x, times[i]), noise, steps)
    return float((found - (MEAN + SPREAD * noise)).abs().max())


@pytest.mark.parametrize("path", ["circular", "straight"])
def test_both_converge_and_the_second_order_is_closer(path: Any) -> None:
    first, second = ([errors(kind(path=path), path, n) for n in (10, 40, 160)] for kind in (DDIM, DPMSolver))
    assert all(b < 0.3 * a for a, b in pairwise(first))  # a quarter, for four times the steps
    assert all(b < 0.3 * a for a, b in pairwise(second))
    assert second[0] < 0.7 * first[0]
    assert all(b < 0.2 * a for a, b in zip(first[1:], second[1:], strict=True))


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.sampled_from(["circular", "straight"]), st.integers(0, 5))
def test_target_and_state_give_the_data_back(t: float, path: Any, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    data, noise = torch.randn(2, 3, 4, generator=generator), torch.randn(2, 3, 4, generator=generator)
    sampler = DPMSolver(path=path)
    x, target = sampler.corrupt(data, noise, torch.full((2,), t))
    alpha, sigma = sampler._signal(t)
    torch.testing.assert_close(sampler._data(x, target, alpha, sigma), data, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(x, alpha * data + sigma * noise)


def test_ddim_on_the_straight_path_is_euler() -> None:
    def predict(x: Tensor, index: int) -> Tensor:
        return (x * 0.7 + index).sin()

    noise = torch.randn(2, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(DDIM(path="straight").sample(predict, noise, 6), Euler().sample(predict, noise, 6))


def test_one_perfect_step_gives_the_mean_and_the_schedule_is_what_is_asked() -> None:
    sampler, asked = DPMSolver(), []

    def predict(x: Tensor, index: int) -> Tensor:
        asked.append(index)
        return torch.full_like(x, 2.0)

    assert torch.equal(sampler.sample(predict, torch.randn(1, 2, 3), 1), torch.full((1, 2, 3), 2.0))
    sampler.sample(predict, torch.randn(1, 2, 3), 5)
    assert asked == [0, 0, 1, 2, 3, 4] and len(sampler.schedule(5)) == 5


def test_the_update_is_the_papers() -> None:
    """Algorithm 2 of arXiv 2211.01095, written with lambda and exp as there, on inner steps."""
    torch.manual_seed(0)
    sampler, steps = DPMSolver(shift=1.7), 6
    guesses = [torch.randn(1, 2, 2, dtype=torch.float64) for _ in range(steps)]
    states: list[Tensor] = []

    def predict(x: Tensor, index: int) -> Tensor:
        states.append(x)
        alpha, sigma = sampler._signal(times[index])
        return (guesses[index] - alpha * x) / sigma  # so that the data prediction is the guess

    times = sampler._knots(steps)
    sampler.sample(predict, torch.randn(1, 2, 2, dtype=torch.float64), steps)
    for i in range(2, steps - 1):
        (a0, s0), (a1, s1), (a2, s2) = (sampler._signal(times[j]) for j in (i - 1, i, i + 1))
        h, h_before = math.log(a2 / s2) - math.log(a1 / s1), math.log(a1 / s1) - math.log(a0 / s0)
        r = h_before / h
        d = (1 + 1 / (2 * r)) * guesses[i] - 1 / (2 * r) * guesses[i - 1]
        wanted = s2 / s1 * states[i] - a2 * (math.exp(-h) - 1) * d
        torch.testing.assert_close(states[i + 1], wanted)


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"path": "bent"}, "path"), ({"order": 3}, "order"), ({"shift": 0.0}, "shift"), ({"sway": 2.0}, "sway")],
)
def test_bad_settings(settings: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        DPMSolver(**settings)


def test_by_name_and_bad_steps() -> None:
    assert mmzoo.create("sampler/ddim").order == 1
    sampler = mmzoo.create("sampler/dpm-solver", path="straight")
    with pytest.raises(InputError, match=r"\b1\b"):
        sampler.schedule(0)
    assert sampler.times(3, torch.Generator().manual_seed(0)).shape == (3,)
