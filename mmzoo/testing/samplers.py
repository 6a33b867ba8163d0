"""The contract of a Sampler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import UsageError
from mmzoo.interfaces import Condition, Latents, Losses, Sampler
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.registration import RegisteredTrial, staying_offline
from mmzoo.testing.trial import built
from mmzoo.testing.values import close, normal

SHAPE = (2, 9, 4)
STEPS = (1, 2, 7)
ENDS = 0.05
"""Relative tolerance for x_0 = noise and x_1 = data; some processes reach their ends only approximately."""


class SamplerTrial(RegisteredTrial):
    """A sampler with data and noise `[2, 9, 4]`."""

    data, noise = normal(*SHAPE, seed=0), normal(*SHAPE, seed=1)

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "unknown-keys": self.check_unknown_keys,
            "config": self.check_config,
            "network": self.check_offline,
            "ports": self.check_ports,
            "determinism": self.check_times,
            "ends": self.check_ends,
            "sampling": self.check_sampling,
            "loss": self.check_loss,
            "refusals": self.check_refusals,
        }

    def check_offline(self) -> None:
        """The module is imported, and the sampler built and used, without a network."""
        self.check_import()
        with staying_offline(self.label):
            sampler = built(self.part)
            sampler.corrupt(self.data, self.noise, sampler.times(len(self.data)))
            sampler.sample(lambda x, index: x, self.noise, STEPS[-1])

    def check_ports(self) -> None:
        """A sampler declares no input ports, and its schedule has the width of the port `times`."""
        require(not self.part.ports().inputs, f"{self.label} declares input ports; a sampler has none.")
        width = 1 if (times := self.part.ports().outputs.get("times")) is None else times.width
        schedule = built(self.part).schedule(STEPS[-1])
        given = 1 if schedule.dim() == 1 else schedule.shape[-1]
        require(
            width == given,
            f"{self.label} declares times of width {width}, but its schedule has the shape {list(schedule.shape)}.",
        )

    def check_times(self) -> None:
        """Training times are in [0, 1], differ, and are drawn from the given generator."""
        sampler = built(self.part)
        first, second = (sampler.times(64, torch.Generator().manual_seed(1)) for _ in range(2))
        require(first.shape == (64,) and first.is_floating_point(), f"{self.label}: times(64) must be float [64].")
        require(((first >= 0) & (first <= 1)).all(), f"{self.label} draws training times outside [0, 1].")
        require(
            torch.equal(first, second),
            f"{self.label} draws training times that differ under one seed; draw from the given generator.",
        )
        require(len(set(first.tolist())) > 32, f"{self.label} draws only a few distinct training times.")

    def check_ends(self) -> None:
        """The corrupted data are noise at t = 0 and data at t = 1."""
        sampler, data, noise = built(self.part), self.data, self.noise
        for time, end, what in ((0.0, noise, "noise"), (1.0, data, "data")):
            x_t, target = sampler.corrupt(data, noise, torch.full((len(data),), time))
            require(
                x_t.shape == target.shape == data.shape,
                f"{self.label}: corrupt must return two tensors of the data's shape.",
            )
            require(close(x_t, end, ENDS), f"{self.label}: at t = {time:.0f} the corrupted data must be the {what}.")

    def check_sampling(self) -> None:
        """With any number of steps, the schedule rises, and with perfect predictions it leads to the data."""
        for steps in STEPS:
            self._check_steps(steps)

    def _check_steps(self, steps: int) -> None:
        sampler = built(self.part)
        schedule = starts(sampler.schedule(steps))
        require(
            schedule.dim() == 1 and bool(((schedule >= 0) & (schedule <= 1)).all() and (schedule.diff() >= 0).all()),
            f"{self.label}: the schedule of {steps} steps must rise within [0, 1], not {schedule.tolist()}.",
        )
        used: list[int] = []

        def predict(x: Tensor, index: int) -> Tensor:
            used.append(index)
            return _perfect(sampler, x, self.data, self.noise, schedule[index].expand(len(x)))

        result = sampler.sample(predict, self.noise, steps)
        require(
            set(used) == set(range(len(schedule))),
            f"{self.label} with {steps} steps requests the predictions {used}; its schedule has"
            f" {len(schedule)} entries.",
        )
        require(
            close(result, self.data, ENDS),
            f"{self.label} with {steps} steps and perfect predictions does not reach the data.",
        )

    def check_loss(self) -> None:
        """Perfect predictions have no loss, and others have one with a gradient; padding and seeds are respected."""
        for seed in range(8):
            require(
                self._loss(1.0, seed).total < ENDS**2,
                f"{self.label} has the loss {self._loss(1.0, seed).total:.3g} for perfect predictions; it must be 0,"
                " and padding must have no weight.",
            )
        factor = torch.tensor(0.5, requires_grad=True)
        losses = self._loss(factor, 0)
        (gradient,) = torch.autograd.grad(losses.total, factor)
        require(
            bool(losses.total > ENDS**2) and float(gradient) < 0,
            f"{self.label}: the loss of predictions that are too small must fall as they grow.",
        )
        require(
            torch.equal(losses.total, self._loss(factor, 0).total),
            f"{self.label} has losses that differ under one seed; draw from the given generator.",
        )

    def _loss(self, factor: float | Tensor, seed: int) -> Losses:
        """The loss of a perfect backbone, times a factor, that predicts nonsense in padding."""
        sampler = built(self.part)
        mask = torch.ones(SHAPE[:2], dtype=torch.bool)
        mask[1, SHAPE[1] // 2 :] = False

        def backbone(x_t: Latents, t: Tensor, condition: Condition) -> Tensor:
            data = condition.aligned["data"]
            found = factor * _perfect(sampler, x_t.x, data, torch.zeros_like(data), starts(t.view(len(data), -1)))
            assert x_t.mask is not None
            return torch.where(x_t.mask.unsqueeze(-1), found, 9.0)

        model: Any = backbone  # a function will do for a backbone
        condition = Condition(aligned={"data": self.data})
        generator = torch.Generator().manual_seed(10 + seed)
        losses: Losses = sampler.loss(model, Latents(self.data, mask), condition, generator)
        return losses

    def check_refusals(self) -> None:
        """Sampling with 0 steps raises InputError."""
        try:
            built(self.part).sample(lambda x, index: x, self.noise, 0)
        except UsageError:
            return
        raise ConformanceError(f"{self.label} samples with 0 steps; it must raise InputError.")


def starts(times: Tensor) -> Tensor:
    """Times `[S]` of a schedule that may have step sizes, `[S, 2]`."""
    return times if times.dim() == 1 else times[:, 0]


def _perfect(sampler: Sampler, x: Tensor, data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """The training target at x and times `[B]`: solve x = a * data + b * n for n."""
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    a, b = sampler.corrupt(one, zero, t)[0], sampler.corrupt(zero, one, t)[0]
    implied = torch.where(b.abs() > 1e-4, (x - a * data) / b.clamp_min(1e-4), noise)
    return sampler.corrupt(data, implied, t)[1]
