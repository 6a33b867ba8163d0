"""What backbones do with the names and positions of their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.nn.rope import grid_positions

AXES = {"rope-1d": 1, "rope-2d": 2}
"""The number of position axes of each kind of rotary positions."""


def projections(channels: Mapping[str, int] | None, width: int) -> nn.ModuleDict:
    """A linear layer to `width` for each named entry of a condition, in the order of the names."""
    return nn.ModuleDict({name: nn.Linear(size, width) for name, size in sorted((channels or {}).items())})


def check_names(owner: str, kind: str, expected: nn.ModuleDict, given: Mapping[str, Any]) -> None:
    """Raise InputError unless a condition has the entries that `owner` was built for.

    Args:
        owner: The name of the backbone.
        kind: `vectors`, `aligned` or `sequences`.
        expected: The projections of this kind.
        given: The condition's entries of this kind.
    """
    if set(expected) != set(given):
        raise InputError(
            f"{owner} expected the condition's {kind} to be named {sorted(expected)} and got {sorted(given)};"
            " pass zeros or a learned null vector for an unknown one."
        )


def positions_of(
    owner: str,
    x_BND: Tensor,
    positions: Tensor | None,
    grid: tuple[int, int] | None,
    axes: int,
    first: int = 0,
) -> Tensor:
    """Positions `[B or 1, N, axes]` of latents, float32.

    Args:
        owner: The name of the backbone.
        x_BND: The latents.
        positions: Their positions, if they are known.
        grid: (rows, columns) of the latents, for two axes without positions.
        axes: Position axes of the backbone.
        first: The first position of a sequence without positions.

    Raises:
        InputError: The positions have other axes, or the grid is missing or does not fit.
    """
    count, device = x_BND.shape[1], x_BND.device
    if positions is not None:
        if positions.shape[-1] != axes:
            raise InputError(
                f"{owner} with {axes} position axes got positions with {positions.shape[-1]};"
                " set position to rope-1d for sequences and rope-2d for images."
            )
        return positions
    if axes == 1:
        return torch.arange(first, first + count, dtype=torch.float32, device=device).view(1, count, 1)
    if grid is None or grid[0] * grid[1] != count:
        raise InputError(f"{owner} with rope-2d got {count} latents with grid {grid}; give positions or a grid.")
    return grid_positions(*grid, device=device)
