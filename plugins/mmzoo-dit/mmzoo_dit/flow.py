"""Flow matching on straight paths (Lipman et al., arXiv 2210.02747; Liu et al., arXiv 2209.03003).

x_t = (1 - t) noise + t data, so t = 0 is noise and t = 1 is data; the network predicts data - noise.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Positive, Predict, Sampler
from mmzoo_dit.samplers import euler, heun, knots


class FlowMatching(Sampler):
    """Straight-path flow matching; subclasses add a solver.

    Args:
        training_times: Distribution of training times: `uniform` or `logit-normal` (SD3, arXiv 2403.03206).
        logit_mean: Mean of the logit-normal distribution.
        logit_std: Its std.
        shift: Spacing of the sampling steps, see `mmzoo_dit.samplers.knots`.
        sway: The same.
    """

    def __init__(
        self,
        *,
        training_times: Literal["uniform", "logit-normal"] = "uniform",
        logit_mean: float = 0.0,
        logit_std: Positive = 1.0,
        shift: Positive = 1.0,
        sway: float = 0.0,
    ) -> None:
        if training_times not in {"uniform", "logit-normal"}:
            raise ConfigError(
                f"training_times is {training_times!r}; choose uniform or logit-normal.", path="training_times"
            )
        if shift <= 0:
            raise ConfigError(f"shift is {shift}; it must be above 0 (1 spaces the steps evenly).", path="shift")
        if not -1 <= sway <= 1:
            raise ConfigError(f"sway is {sway}; it must lie in [-1, 1] (0 spaces the steps evenly).", path="sway")
        if logit_std <= 0:
            raise ConfigError(f"logit_std is {logit_std}; it must be above 0.", path="logit_std")
        self.training_times, self.logit_mean, self.logit_std = training_times, logit_mean, logit_std
        self.shift, self.sway = shift, sway

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`count` training times, float32 on the generator's device."""
        device = None if generator is None else generator.device
        if self.training_times == "uniform":
            return torch.rand(count, generator=generator, device=device)
        normal = torch.randn(count, generator=generator, device=device)
        return (normal * self.logit_std + self.logit_mean).sigmoid()

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t and the target, data - noise."""
        t = t.to(data).view(-1, *(1,) * (data.ndim - 1))
        return torch.lerp(noise, data, t), data - noise

    def knots(self, num_steps: int) -> list[float]:
        """The ends of the steps, `num_steps + 1` times from 0 to 1."""
        if num_steps < 1:
            raise InputError(f"The number of sampling steps is {num_steps}; it must be at least 1.")
        return knots(num_steps, shift=self.shift, sway=self.sway)


class Euler(FlowMatching):
    """First order: one evaluation per step."""

    def schedule(self, num_steps: int) -> Tensor:
        """The start of each step, float32 `[num_steps]`."""
        return torch.tensor(self.knots(num_steps)[:-1], dtype=torch.float32)

    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """See `mmzoo_dit.samplers.euler`."""
        return euler(predict, noise, self.knots(num_steps))


class Heun(FlowMatching):
    """Second order: two evaluations per step and one in the last, so `2 * num_steps - 1` in all."""

    def schedule(self, num_steps: int) -> Tensor:
        """The time of each evaluation, float32 `[2 * num_steps - 1]`: the inner knots twice."""
        inner = [t for t in self.knots(num_steps)[1:-1] for _ in range(2)]
        return torch.tensor([0.0, *inner], dtype=torch.float32)

    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """See `mmzoo_dit.samplers.heun`."""
        return heun(predict, noise, self.knots(num_steps))
