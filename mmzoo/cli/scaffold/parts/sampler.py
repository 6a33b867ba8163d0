"""A sampler: corrupts data with noise for training, and turns noise into data for sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces import Predict, Sampler


class AcmePart(Sampler):
    """Flow matching along straight lines (Lipman et al., arXiv 2210.02747); the target is the velocity.

    Args:
        power: Training times are uniform in [0, 1] raised to this power; above 1, more of them are near the noise.
    """

    def __init__(self, *, power: float = 1.0) -> None:
        self.power = power

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Random training times in [0, 1], float `[count]`."""
        return torch.rand(count, generator=generator) ** self.power

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(x_t, velocity) for data and noise `[B, N, D]` at times t `[B]`."""
        t = t.view(-1, 1, 1)
        return (1 - t) * noise + t * data, data - noise

    def schedule(self, num_steps: int) -> Tensor:
        """Evenly spaced times from 0, float `[num_steps]`."""
        if num_steps < 1:
            raise InputError(f"Sampling takes at least 1 step, not {num_steps}.")
        return torch.linspace(0, 1, num_steps + 1)[:-1]

    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """Euler's method from noise `[B, N, D]` to data."""
        x = noise
        for index in range(len(self.schedule(num_steps))):
            x = x + predict(x, index) / num_steps
        return x
