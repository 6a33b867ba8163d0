"""The contract of a Sampler."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.composition import Part
from mmzoo.errors import UsageError
from mmzoo.interfaces import Sampler
from mmzoo.testing import registration
from mmzoo.testing.common import Checks, ConformanceError, built, close, require, run_checks
from mmzoo.testing.offline import offline

SHAPE = (2, 9, 4)
STEPS = (1, 2, 7)
ENDS = 0.05
"""Relative tolerance for x_0 = noise and x_1 = data; some processes reach their ends only approximately."""


def check_sampler(name: str, **config: Any) -> None:
    """Check a registered sampler against the contract of its kind.

    Args:
        name: The registered name.
        **config: The sampler's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = SamplerTrial(name, config)
    run_checks(trial.label, trial.checks())


class SamplerTrial:
    """A sampler with data and noise `[2, 9, 4]`."""

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config, self.label = name, dict(config), f"sampler {name!r}"
        generator = torch.Generator().manual_seed(0)
        self.data = torch.randn(SHAPE, generator=generator)
        self.noise = torch.randn(SHAPE, generator=generator)

    @cached_property
    def part(self) -> Part:
        """The sampler's class with its checked config."""
        return registration.part_of("sampler", self.name, self.config)

    def checks(self) -> Checks:
        """All checks by name, in order."""
        return {
            "registration": lambda: registration.check_summary("sampler", self.name),
            "unknown-keys": lambda: registration.check_unknown_keys("sampler", self.name, self.config),
            "config": lambda: registration.check_config("sampler", self.name, self.config),
            "network": self.check_offline,
            "ports": self.check_ports,
            "determinism": lambda: _check_times(self.part, built(self.part)),
            "ends": lambda: _check_ends(self.part, built(self.part), self.data, self.noise),
            "sampling": self.check_sampling,
            "refusals": self.check_refusals,
        }

    def check_offline(self) -> None:
        """The module is imported, and the sampler built and used, without a network."""
        registration.check_offline_import("sampler", self.name)
        with offline() as tried:
            try:
                sampler = built(self.part)
                sampler.corrupt(self.data, self.noise, sampler.times(len(self.data)))
                sampler.sample(lambda x, index: x, self.noise, STEPS[-1])
            except Exception:
                if not tried:  # left to another check
                    return
        registration.refuse_reaching(self.label, tried, "it is built or used")

    def check_ports(self) -> None:
        """A sampler declares no ports, because it is not a module."""
        require(not self.part.ports().inputs, f"{self.label} declares ports; a sampler has none.")

    def check_sampling(self) -> None:
        """Any number of steps leads to the data."""
        for steps in STEPS:
            _check_sampling(self.part, built(self.part), self.data, self.noise, steps)

    def check_refusals(self) -> None:
        """Sampling with 0 steps raises InputError."""
        try:
            built(self.part).sample(lambda x, index: x, self.noise, 0)
        except UsageError:
            return
        raise ConformanceError(f"{self.label} samples with 0 steps; it must raise InputError.")


def _check_times(part: Part, sampler: Sampler) -> None:
    first = sampler.times(64, torch.Generator().manual_seed(1))
    second = sampler.times(64, torch.Generator().manual_seed(1))
    require(first.shape == (64,) and first.is_floating_point(), f"{part.label}: times(64) must be float [64].")
    require(bool(((first >= 0) & (first <= 1)).all()), f"{part.label} draws training times outside [0, 1].")
    require(
        torch.equal(first, second),
        f"{part.label} draws training times that differ under one seed; draw from the given generator.",
    )
    require(len(set(first.tolist())) > 32, f"{part.label} draws only a few distinct training times.")


def _check_ends(part: Part, sampler: Sampler, data: Tensor, noise: Tensor) -> None:
    for time, end, what in ((0.0, noise, "noise"), (1.0, data, "data")):
        x_t, target = sampler.corrupt(data, noise, torch.full((len(data),), time))
        require(
            x_t.shape == target.shape == data.shape,
            f"{part.label}: corrupt must return two tensors of the data's shape.",
        )
        require(close(x_t, end, ENDS), f"{part.label}: at t = {time:.0f} the corrupted data must be the {what}.")


def _check_sampling(part: Part, sampler: Sampler, data: Tensor, noise: Tensor, steps: int) -> None:
    """The schedule increases, sampling uses all of it, and perfect predictions yield the data."""
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
        f"{part.label} with {steps} steps requests the predictions {used}; its schedule has {len(schedule)} entries.",
    )
    require(
        close(result, data, ENDS),
        f"{part.label} with {steps} steps and perfect predictions does not reach the data.",
    )


def _perfect(sampler: Sampler, x: Tensor, data: Tensor, noise: Tensor, time: float) -> Tensor:
    """The training target at x: solve x = a * data + b * n for n."""
    t = torch.full((len(x),), time)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    a, b = sampler.corrupt(one, zero, t)[0], sampler.corrupt(zero, one, t)[0]
    implied = torch.where(b.abs() > 1e-4, (x - a * data) / b.clamp_min(1e-4), noise)
    return sampler.corrupt(data, implied, t)[1]
