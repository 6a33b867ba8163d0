"""The contract of a DiffusionBackbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part
from mmzoo.interfaces import Condition, Latents
from mmzoo.testing.common import (
    ConformanceError,
    built,
    check_building,
    check_determinism,
    check_gradients,
    check_storage,
    close,
    planned,
    port,
    require,
    stirred,
)

ITEMS, POSITIONS, SHORTER = 2, 12, 7
CONTEXT, LESS_CONTEXT = 5, 3
TIMES = (0.0, 0.3, 0.8)


def check_backbone(
    name: str,
    *,
    vectors: Mapping[str, int] | None = None,
    aligned: Mapping[str, int] | None = None,
    sequences: Mapping[str, int] | None = None,
    **config: Any,
) -> None:
    """Hold the backbone of this name and config to its contract; raises ConformanceError.

    vectors, aligned, sequences: names and widths of the condition's entries that the config asks for; by default
    what the config has under `vector_channels`, `aligned_channels` and `sequence_channels`. Sequences of latents are
    used, or a 3 by 4 grid when `position` is `rope-2d`.
    """
    part = planned("backbone", name, config)
    channels = port(part, "inputs", "x").width
    if channels is None:
        raise ConformanceError(f"{part.label} must declare the width of its port x, so that `create` can check it.")
    case = _Case(
        channels,
        _widths(part, vectors, "vector_channels"),
        _widths(part, aligned, "aligned_channels"),
        _widths(part, sequences, "sequence_channels"),
        grid=(3, 4) if part.config.get("position") == "rope-2d" else None,
    )
    check_building(part)
    check_determinism(part, case.outputs)
    check_storage(part, case.outputs)
    _check_shapes(part, case)
    _check_table(part, case)
    _check_masks(part, case)
    backbone = stirred(built(part)).train()
    check_gradients(part, backbone, backbone(case.x(), case.times(), case.condition()).square().mean())


def _widths(part: Part, given: Mapping[str, int] | None, key: str) -> Mapping[str, int]:
    found: Mapping[str, int] = (part.config.get(key) or {}) if given is None else given
    return found


class _Case:
    """Noisy latents, times and a condition with the entries that a backbone asks for."""

    def __init__(
        self,
        channels: int,
        vectors: Mapping[str, int],
        aligned: Mapping[str, int],
        sequences: Mapping[str, int],
        grid: tuple[int, int] | None = None,
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.grid = grid
        self.data = torch.randn(ITEMS, POSITIONS, channels, generator=generator)
        self.vectors = {name: torch.randn(ITEMS, width, generator=generator) for name, width in vectors.items()}
        self.aligned = {
            name: torch.randn(ITEMS, POSITIONS, width, generator=generator) for name, width in aligned.items()
        }
        self.sequences = {
            name: torch.randn(ITEMS, CONTEXT, width, generator=generator) for name, width in sequences.items()
        }

    def x(self, filling: float | None = None) -> Latents:
        """The whole batch; with a filling, its second item ends early and is padded with that."""
        if filling is None:
            return Latents(self.data, grid=self.grid)
        mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
        mask[1, SHORTER:] = False
        positions = None
        if self.grid is not None:
            rows, columns = self.grid
            cells = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float()
            positions = cells.expand(ITEMS, -1, -1)
        return Latents(self.data.masked_fill(~mask.unsqueeze(-1), filling), mask, positions)

    def short(self) -> Latents:
        """The second item alone."""
        positions = self.x(0.0).positions
        return Latents(self.data[1:, :SHORTER], positions=None if positions is None else positions[1:, :SHORTER])

    def times(self) -> Tensor:
        return torch.tensor([0.25, 0.6])

    def condition(self, filling: float | None = None) -> Condition:
        mask = None
        sequences, aligned = self.sequences, self.aligned
        if filling is not None:
            mask = torch.ones(ITEMS, CONTEXT, dtype=torch.bool)
            mask[1, LESS_CONTEXT:] = False
            sequences = {k: v.masked_fill(~mask.unsqueeze(-1), filling) for k, v in sequences.items()}
            tail = torch.arange(POSITIONS).view(1, -1, 1) >= SHORTER
            tail = tail & (torch.arange(ITEMS).view(-1, 1, 1) == 1)
            aligned = {k: v.masked_fill(tail, filling) for k, v in aligned.items()}
        return Condition(self.vectors, aligned, {k: Latents(v, mask) for k, v in sequences.items()})

    def short_condition(self) -> Condition:
        return Condition(
            {k: v[1:] for k, v in self.vectors.items()},
            {k: v[1:, :SHORTER] for k, v in self.aligned.items()},
            {k: Latents(v[1:, :LESS_CONTEXT]) for k, v in self.sequences.items()},
        )

    @torch.no_grad()
    def outputs(self, backbone: nn.Module) -> list[Tensor]:
        return [backbone(self.x(), self.times(), self.condition())]


@torch.no_grad()
def _check_shapes(part: Part, case: _Case) -> None:
    prediction = stirred(built(part))(case.x(), case.times(), case.condition())
    width = port(part, "outputs", "prediction").width
    wanted = [ITEMS, POSITIONS, prediction.shape[-1] if width is None else width]
    require(
        list(prediction.shape) == wanted and prediction.dtype is torch.float32,
        f"{part.label} predicts {prediction.dtype} {list(prediction.shape)} where float32 {wanted} is declared.",
    )


@torch.no_grad()
def _check_table(part: Part, case: _Case) -> None:
    """With a precomputed table the prediction is the one that training sees."""
    backbone: Any = stirred(built(part))
    table = backbone.precompute(torch.tensor(TIMES), case.condition())
    for step, time in enumerate(TIMES):
        fast = backbone(case.x(), None, case.condition(), table=table, step=step)
        slow = backbone(case.x(), torch.full((ITEMS,), time), case.condition())
        require(
            close(fast, slow),
            f"{part.label}: with the precomputed table the prediction at t = {time} is another one than without.",
        )


@torch.no_grad()
def _check_masks(part: Part, case: _Case) -> None:
    """A padded item gets the prediction it gets alone, whatever stands in the padding of x and of the condition."""
    backbone = stirred(built(part))
    alone = backbone(case.short(), case.times()[1:], case.short_condition())
    for filling in (0.0, 50.0):
        together = backbone(case.x(filling), case.times(), case.condition(filling))
        require(
            close(together[1:, :SHORTER], alone),
            f"{part.label} predicts something else for an item that is padded in a batch; respect the masks.",
        )
