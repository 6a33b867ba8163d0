"""Classifier-free guidance as a wrapper around a prediction (Ho and Salimans, arXiv 2207.12598)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces.components import DiffusionBackbone, Predict, Sampler
from mmzoo.interfaces.values import Condition, Latents

V = TypeVar("V")


def prediction(
    backbone: DiffusionBackbone,
    sampler: Sampler,
    frame: Latents,
    condition: Condition,
    null: Condition | None = None,
    *,
    num_steps: int,
    scale: float = 1.0,
    interval: tuple[float, float] = (0.0, 1.0),
) -> Predict:
    """Bind the condition to the backbone for `sampler.sample`, with guidance if there is a null condition.

    Args:
        backbone: The model that predicts.
        sampler: Determines the times to precompute.
        frame: Latents of B items with the mask, positions and grid; their vectors are not read.
        condition: The condition of B items.
        null: The null condition of B items; None for no guidance.
        num_steps: Number of sampling steps.
        scale: Guidance scale; 1 means no guidance.
        interval: See `guided`.
    """
    times = sampler.schedule(num_steps)

    def bound(frame: Latents, condition: Condition) -> Predict:
        table = backbone.precompute(times.to(frame.x.device), condition)
        return lambda x, index: backbone(frame.with_x(x), None, condition, table=table, step=index)

    if null is None or scale == 1:
        return bound(frame, condition)
    both = bound(doubled(frame), paired(condition, null))
    starts = times if times.dim() == 1 else times[:, 0]  # without the step sizes
    return guided(bound(frame, condition), both, scale=scale, times=starts, interval=interval)


def guided(
    conditional: Predict,
    both: Predict,
    *,
    scale: float,
    times: Sequence[float] | Tensor,
    interval: tuple[float, float] = (0.0, 1.0),
) -> Predict:
    """Guide a prediction: `uncond + scale * (cond - uncond)`.

    Args:
        conditional: Predicts for B items; used alone outside the interval, and everywhere if the scale is 1.
        both: Predicts for 2B items, the conditional ones first, then the unconditional ones (see `paired`).
        scale: Guidance scale.
        times: The times of the sampler's schedule, `[S]`.
        interval: Guide only at times in [start, end] (Kynkaanniemi et al., arXiv 2404.07724).

    Raises:
        InputError: The interval is not within [0, 1].
    """
    start, end = interval
    if not 0 <= start <= end <= 1:
        raise InputError(f"The guidance interval is {interval}; it must be (start, end) with 0 <= start <= end <= 1.")
    if scale == 1:
        return conditional
    # Computed once, so that no step waits for the device.
    active = [start <= time <= end for time in (times.tolist() if isinstance(times, Tensor) else times)]

    def predict(x: Tensor, index: int) -> Tensor:
        if not active[index]:
            return conditional(x, index)
        cond, uncond = both(torch.cat((x, x)), index).to(x.dtype).chunk(2)
        return torch.lerp(uncond, cond, scale)

    return predict


def paired(condition: Condition, null: Condition) -> Condition:
    """Join two conditions of B items to one of 2B, for `both` of `guided`. Raises InputError if their names differ."""
    return Condition(
        _join("vectors", condition.vectors, null.vectors),
        _join("aligned", condition.aligned, null.aligned),
        {
            name: _join_latents(a, b)
            for name, (a, b) in _match("sequences", condition.sequences, null.sequences).items()
        },
    )


def doubled(latents: Latents) -> Latents:
    """Repeat latents of B items to 2B: the frame for `both` of `guided`."""
    mask, positions = latents.mask, latents.positions
    return replace(
        latents,
        x=torch.cat((latents.x, latents.x)),
        mask=None if mask is None else torch.cat((mask, mask)),
        # One row of positions is shared by the whole batch.
        positions=positions if positions is None or len(positions) == 1 else torch.cat((positions, positions)),
    )


def _match(kind: str, a: Mapping[str, V], b: Mapping[str, V]) -> dict[str, tuple[V, V]]:
    if set(a) != set(b):
        raise InputError(
            f"Guidance got {kind} named {sorted(a)} with the condition but {sorted(b)} without it; they must match."
        )
    return {name: (a[name], b[name]) for name in a}


def _join(kind: str, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.cat(pair) for name, pair in _match(kind, a, b).items()}


def _join_latents(a: Latents, b: Latents) -> Latents:
    """Concatenate two batches of sequences, padding the shorter one."""
    count = max(a.x.shape[1], b.x.shape[1])
    xs, masks = [], []
    for entry in (a, b):
        missing = count - entry.x.shape[1]
        xs.append(F.pad(entry.x, (0, 0, 0, missing)))
        masks.append(F.pad(entry.full_mask, (0, missing)))
    mask = torch.cat(masks)
    no_padding = a.mask is None and b.mask is None and a.x.shape[1] == b.x.shape[1]
    return replace(a, x=torch.cat(xs), mask=None if no_padding else mask, positions=None)
