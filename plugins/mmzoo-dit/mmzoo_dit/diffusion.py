"""Samplers in terms of the predicted data: DDIM and DPM-Solver++ (2M), on the circular or the straight path.

x_t = alpha(t) data + sigma(t) noise with t = 0 noise and t = 1 data. The circular path, alpha = sin(pi t / 2) and
sigma = cos(pi t / 2), keeps the variance (the cosine schedule of Nichol and Dhariwal, arXiv 2102.09672); the network
predicts dx per radian, sigma data - alpha noise (the v of Salimans and Ho, arXiv 2202.00512, with the sign of our
time). The straight path and its target are those of flow matching, so a model trained with it can be sampled with
DPM-Solver++.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Positive, Predict, Sampler
from mmzoo_dit.samplers import knots

Path = Literal["circular", "straight"]


class DPMSolver(Sampler):
    """DPM-Solver++, second-order multistep (Lu et al., arXiv 2211.01095, algorithm 2): one evaluation per step.

    The first step is of first order because it has no predecessor, and so is the last because it ends at an infinite
    log-SNR.

    Args:
        path: The path that the network was trained on.
        order: 2, or 1 for DDIM.
        shift: Spacing of the sampling steps, see `mmzoo_dit.samplers.knots`.
        sway: The same.
    """

    def __init__(self, *, path: Path = "circular", order: int = 2, shift: Positive = 1.0, sway: float = 0.0) -> None:
        if path not in ("circular", "straight"):
            raise ConfigError(f"path is {path!r}; choose circular or straight.", path="path")
        if order not in (1, 2):
            raise ConfigError(f"order is {order}; it must be 1 or 2.", path="order")
        if shift <= 0:
            raise ConfigError(f"shift is {shift}; it must be above 0 (1 spaces the steps evenly).", path="shift")
        if not -1 <= sway <= 1:
            raise ConfigError(f"sway is {sway}; it must lie in [-1, 1] (0 spaces the steps evenly).", path="sway")
        self.path, self.order, self.shift, self.sway = path, order, shift, sway

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`count` uniform training times, float32 on the generator's device."""
        return torch.rand(count, generator=generator, device=None if generator is None else generator.device)

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """x_t and the target; see the module's docstring."""
        t = t.to(data).view(-1, *(1,) * (data.ndim - 1))
        if self.path == "straight":
            return torch.lerp(noise, data, t), data - noise
        alpha, sigma = (t * math.pi / 2).sin(), (t * math.pi / 2).cos()
        return alpha * data + sigma * noise, sigma * data - alpha * noise

    def schedule(self, num_steps: int) -> Tensor:
        """The start of each step, float32 `[num_steps]`."""
        return torch.tensor(self._knots(num_steps)[:-1], dtype=torch.float32)

    def sample(self, predict: Predict, noise: Tensor, num_steps: int) -> Tensor:
        """From noise to data, `[B, N, D]`; predict(x, i) is evaluated at `schedule[i]`."""
        x, before, last_width = noise, None, math.inf
        for index, (start, end) in enumerate(pairwise(self._knots(num_steps))):
            alpha, sigma = self._signal(start)
            next_alpha, next_sigma = self._signal(end)
            data = self._data(x, predict(x, index), alpha, sigma)
            # h, the step in half the log-SNR; infinite at pure noise and at pure data.
            width = _log_ratio(next_alpha, next_sigma) - _log_ratio(alpha, sigma)
            ahead = data
            if self.order == 2 and before is not None and math.isfinite(width) and math.isfinite(last_width):
                ahead = torch.lerp(before, data, 1 + width / (2 * last_width))
            # exp(-h) alpha' = sigma' alpha / sigma, which is finite at both ends.
            x = (next_sigma / sigma) * x + (next_alpha - next_sigma * alpha / sigma) * ahead
            before, last_width = data, width
        return x

    def _knots(self, num_steps: int) -> list[float]:
        if num_steps < 1:
            raise InputError(f"The number of sampling steps is {num_steps}; it must be at least 1.")
        return knots(num_steps, shift=self.shift, sway=self.sway)

    def _signal(self, t: float) -> tuple[float, float]:
        """alpha and sigma, exact at both ends."""
        if self.path == "straight" or t in (0.0, 1.0):
            return t, 1 - t
        return math.sin(t * math.pi / 2), math.cos(t * math.pi / 2)

    def _data(self, x: Tensor, prediction: Tensor, alpha: float, sigma: float) -> Tensor:
        if self.path == "straight":
            return x.add(prediction, alpha=sigma)
        return (alpha * x).add(prediction, alpha=sigma)


class DDIM(DPMSolver):
    """DDIM without noise (Song et al., arXiv 2010.02502, eq. 12 with sigma = 0): first order in the predicted data."""

    def __init__(self, *, path: Path = "circular", shift: Positive = 1.0, sway: float = 0.0) -> None:
        super().__init__(path=path, order=1, shift=shift, sway=sway)


def _log_ratio(alpha: float, sigma: float) -> float:
    if alpha == 0 or sigma == 0:
        return -math.inf if alpha == 0 else math.inf
    return math.log(alpha / sigma)
