"""Samplers as tables, for engines without PyTorch.

A deterministic sampler computes each state from the noise and from predictions, with coefficients that depend on
nothing but the number of steps. Running it once on unit vectors in place of noise and predictions gives these
coefficients, whatever its method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.errors import ConfigError, InputError

if TYPE_CHECKING:
    import torch

    from mmzoo.interfaces.components import Sampler

MOST_STEPS = 64
"""The largest number of steps that a table has."""

Array = np.ndarray[Any, np.dtype[Any]]
Plan = Mapping[str, Any]
"""For one number of steps, as JSON data: `times` of the evaluations, as `Sampler.schedule` returns them, and for each
state after the first, in `states`, the factor of the state before and pairs of a prediction's index and its factor."""


def plans_of(sampler: Sampler, most: int = MOST_STEPS) -> list[Plan]:
    """The plans of a sampler for 1, 2, ... `most` steps.

    Raises:
        ConfigError: The sampler is not deterministic, or not linear in noise and predictions.
    """
    plans = [_plan(sampler, steps) for steps in range(1, most + 1)]
    _check(sampler, plans[:3])
    return plans


def solve(plans: Sequence[Plan], predict: Callable[[Array, Array], Array], noise: Array, steps: int) -> Array:
    """From noise to data, as `Sampler.sample`.

    Args:
        plans: From `plans_of`.
        predict: From a state and the time of its evaluation, float32 `[]` or `[2]`, to a prediction.
        noise: The first state.
        steps: Number of steps.

    Raises:
        InputError: There is no plan for so many steps.
    """
    if steps > len(plans):
        raise InputError(f"An exported model takes at most {len(plans)} steps, not {steps}.")
    plan, x, predictions = plans[steps - 1], noise, list[Array]()
    for time, (factor, terms) in zip(plan["times"], plan["states"], strict=True):
        predictions.append(predict(x, np.array(time, np.float32)))
        x = x if factor == 1 else x * factor
        for index, weight in terms:
            x = x + predictions[index] * weight
    return x


def _plan(sampler: Sampler, steps: int) -> Plan:
    import torch

    times = sampler.schedule(steps).tolist()
    unit = torch.eye(len(times) + 1, dtype=torch.float64).unsqueeze(1).unsqueeze(1)
    visited: list[list[float]] = []

    def predict(x: torch.Tensor, index: int) -> torch.Tensor:
        if index != len(visited):
            raise _unfit(sampler)
        visited.append(x.flatten().tolist())
        return unit[index + 1]

    visited.append(sampler.sample(predict, unit[0], steps).flatten().tolist())
    if len(visited) != len(times) + 1:
        raise _unfit(sampler)
    states = [_from(before, after) for before, after in pairwise(visited)]
    return {"times": times, "states": states}


def _from(before: Sequence[float], after: Sequence[float]) -> tuple[float, list[tuple[int, float]]]:
    """A state, given by its coefficients, relative to the state before it."""
    factor = after[0] / before[0] if before[0] else 0.0
    rest = [b - factor * a for a, b in zip(before[1:], after[1:], strict=True)]
    return factor, [(index, weight) for index, weight in enumerate(rest) if abs(weight) > 1e-12]


def _check(sampler: Sampler, plans: Sequence[Plan]) -> None:
    """Compare the plans with the sampler on a function that is not linear."""
    import torch

    noise = torch.linspace(-1, 1, 7, dtype=torch.float64).view(1, 1, 7)
    for steps in range(1, len(plans) + 1):
        expected = sampler.sample(lambda x, index: (3 * x + index).sin(), noise, steps).numpy()
        calls = iter(range(99))

        def predict(x: Array, time: Array, calls: Iterator[int] = calls) -> Array:
            return np.asarray(np.sin(3 * x + next(calls)))

        result = solve(plans, predict, noise.numpy(), steps)
        if not np.allclose(result, expected, atol=1e-6):
            raise _unfit(sampler)


def _unfit(sampler: Sampler) -> ConfigError:
    return ConfigError(
        f"The sampler {type(sampler).__name__} cannot be exported: its states are not sums of the noise and of"
        " predictions at the times of its schedule, in order.",
        path="sampler",
    )
