"""The contract of a Sampler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmzoo.composition import Part
from mmzoo.errors import UsageError
from mmzoo.interfaces import Sampler
from mmzoo.testing.common import ConformanceError, built, close, planned, require

SHAPE = (2, 9, 4)
STEPS = (1, 2, 7)
ENDS = 0.05
"""How far x_0 may be from the noise and x_1 from the data: some processes end only nearly there."""


def check_sampler(name: str, **config: Any) -> None:
    """Hold the sampler of this name and config to its contract; raises ConformanceError."""
    part = planned("sampler", name, config)
    part_ports = part.ports()
    require(not part_ports.inputs, f"{part.label} declares ports; a sampler has none.")
    sampler: Sampler = built(part)
    generator = torch.Generator().manual_seed(0)
    data, noise = torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)
    _check_times(part, sampler)
    _check_ends(part, sampler, data, noise)
    for steps in STEPS:
        _check_sampling(part, sampler, data, noise, steps)
    try:
        sampler.sample(lambda x, index: x, noise, 0)
    except UsageError:
        return
    raise ConformanceError(f"{part.label} samples with 0 steps; it must raise InputError.")


def _check_times(part: Part, sampler: Sampler) -> None:
    first = sampler.times(64, torch.Generator().manual_seed(1))
    second = sampler.times(64, torch.Generator().manual_seed(1))
    require(first.shape == (64,) and first.is_floating_point(), f"{part.label}: times(64) must be float [64].")
    require(bool(((first >= 0) & (first <= 1)).all()), f"{part.label} draws training times outside [0, 1].")
    require(torch.equal(first, second), f"{part.label} draws training times that are not its generator's.")
    require(len(set(first.tolist())) > 32, f"{part.label} draws the same few training times over and over.")


def _check_ends(part: Part, sampler: Sampler, data: Tensor, noise: Tensor) -> None:
    for time, end, what in ((0.0, noise, "noise"), (1.0, data, "data")):
        x_t, target = sampler.corrupt(data, noise, torch.full((len(data),), time))
        require(
            x_t.shape == target.shape == data.shape,
            f"{part.label}: corrupt must return two tensors of the data's shape.",
        )
        require(close(x_t, end, ENDS), f"{part.label}: at t = {time:.0f} the corrupted data must be the {what}.")


def _check_sampling(part: Part, sampler: Sampler, data: Tensor, noise: Tensor, steps: int) -> None:
    """The schedule is in order, sampling uses all of it, and a perfect prediction leads to the data."""
    schedule = sampler.schedule(steps)
    require(
        schedule.dim() == 1 and bool(((schedule >= 0) & (schedule <= 1)).all()) and bool((schedule.diff() >= 0).all()),
        f"{part.label}: the schedule of {steps} steps must rise within [0, 1], not {schedule.tolist()}.",
    )
    used: list[int] = []

    def predict(x: Tensor, index: int) -> Tensor:
        used.append(index)
        return _perfect(sampler, x, data, noise, float(schedule[index]))

    result = sampler.sample(predict, noise, steps)
    require(
        sorted(set(used)) == list(range(len(schedule))),
        f"{part.label} with {steps} steps asks for the predictions {used}; its schedule has {len(schedule)} entries.",
    )
    require(
        close(result, data, ENDS),
        f"{part.label} with {steps} steps and a perfect prediction does not arrive at the data.",
    )


def _perfect(sampler: Sampler, x: Tensor, data: Tensor, noise: Tensor, time: float) -> Tensor:
    """The target that training would have had at x: x is `a data + b n`, solved for n."""
    t = torch.full((len(x),), time)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    a, b = sampler.corrupt(one, zero, t)[0], sampler.corrupt(zero, one, t)[0]
    implied = torch.where(b.abs() > 1e-4, (x - a * data) / b.clamp_min(1e-4), noise)
    return sampler.corrupt(data, implied, t)[1]
