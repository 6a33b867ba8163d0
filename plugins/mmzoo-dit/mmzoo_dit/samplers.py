"""Solvers of dx/dt = predict(x, index) over given knots: pure functions, no synchronization with the device."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from mmzoo.interfaces import Predict


def knots(num_steps: int, *, shift: float = 1.0, sway: float = 0.0) -> list[float]:
    """`num_steps + 1` increasing times from 0 (noise) to 1 (data), in double precision.

    Args:
        num_steps: Number of steps.
        shift: `t / (t + shift * (1 - t))`, SD3 (arXiv 2403.03206), sec. 5.3.2; above 1 puts more steps near the noise,
            1 spaces them evenly.
        sway: `t + sway * (cos(pi t / 2) - 1 + t)`, F5-TTS (arXiv 2410.06885), eq. 7; below 0 puts more steps near the
            noise, 0 spaces them evenly.
    """
    times = []
    for index in range(num_steps + 1):
        t = index / num_steps
        t += sway * (math.cos(math.pi * t / 2) - 1 + t)
        times.append(t / (t + shift * (1 - t)))
    times[0], times[-1] = 0.0, 1.0
    return times


def euler(predict: Predict, x: Tensor, times: Sequence[float]) -> Tensor:
    """First order: one evaluation per step; index i is at `times[i]`."""
    for index in range(len(times) - 1):
        x = x.add(predict(x, index), alpha=times[index + 1] - times[index])
    return x


def heun(predict: Predict, x: Tensor, times: Sequence[float]) -> Tensor:
    """Second order: two evaluations per step and one in the last, because at t = 1 there is nothing left to correct.

    Index 0 is at `times[0]`, indices 2i - 1 and 2i are both at `times[i]`: the end of one step and the
    start of the next.
    """
    last = len(times) - 2
    for index in range(last + 1):
        width = times[index + 1] - times[index]
        start = predict(x, 2 * index)
        ahead = x.add(start, alpha=width)
        if index == last:
            return ahead
        end = predict(ahead, 2 * index + 1)
        x = x.add(start, alpha=width / 2).add_(end, alpha=width / 2)
    return x
