"""The contract of a DiffusionBackbone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Condition, Latents
from mmzoo.nn.rope import grid_positions
from mmzoo.testing.common import Checks, require
from mmzoo.testing.trial import Trial
from mmzoo.testing.values import close

ITEMS, POSITIONS, SHORTER = 2, 12, 7
GRID = (3, 4)
CONTEXT, LESS_CONTEXT = 5, 3
TIMES = (0.0, 0.3, 0.8)
SIZES = (1.0, 0.25, 0.0)
"""Step sizes for those times."""
WIDTHS = {"vectors": "vector_channels", "aligned": "aligned_channels", "sequences": "sequence_channels"}
"""The config key with the widths of each part of a condition."""


class BackboneTrial(Trial):
    """A backbone with noisy latents `[2, 12, D]`, two times and the condition that its config declares."""

    def __init__(self, kind: str, name: str, config: Mapping[str, Any], **widths: Mapping[str, int] | None) -> None:
        super().__init__(kind, name, config)
        self.given = widths

    @cached_property
    def widths(self) -> dict[str, Mapping[str, int]]:
        """For each part of the condition, the width of each entry by name."""
        declared = {part: self.part.config.get(key) or {} for part, key in WIDTHS.items()}
        return declared | {part: widths for part, widths in self.given.items() if widths is not None}

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The noisy latents, then the condition; each sequence is followed by its mask."""
        generator = torch.Generator().manual_seed(0)

        def sequence(length: int, shorter: int, width: int) -> tuple[Tensor, Tensor]:
            mask = torch.ones(ITEMS, length, dtype=torch.bool)
            mask[1, shorter:] = False
            return torch.randn(ITEMS, length, width, generator=generator), mask

        inputs = list(sequence(POSITIONS, SHORTER, self.width("x")))
        inputs += [torch.randn(ITEMS, width, generator=generator) for width in self.widths["vectors"].values()]
        for width in self.widths["aligned"].values():
            inputs += sequence(POSITIONS, SHORTER, width)
        for width in self.widths["sequences"].values():
            inputs += sequence(CONTEXT, LESS_CONTEXT, width)
        return tuple(inputs)

    def unmasked(self) -> list[Any]:
        """The inputs as two items of full length."""
        return [None if x.dtype is torch.bool else x for x in self.inputs]

    def arguments(self, x: Tensor, mask: Tensor | None, *others: Any) -> tuple[Latents, Tensor, Condition]:
        """The noisy latents, times and condition for inputs of two items or of the second alone."""
        given = iter(others)
        vectors = {name: next(given) for name in self.widths["vectors"]}
        aligned, sequences = (
            {name: Latents(next(given), next(given)) for name in self.widths[part]} for part in ("aligned", "sequences")
        )
        condition = Condition(vectors, {name: latents.x for name, latents in aligned.items()}, sequences)
        latents = Latents(x, mask)
        if self.part.config.get("position") == "rope-2d":
            whole = mask is None and x.shape[1] == POSITIONS
            positions = grid_positions(*GRID)[:, : x.shape[1]].expand(len(x), -1, -1)  # a shorter item has no grid
            latents = Latents(x, grid=GRID) if whole else Latents(x, mask, positions)
        return latents, torch.tensor([0.25, 0.6])[-len(x) :], condition

    def call(self, component: Any, *inputs: Any) -> tuple[Tensor, ...]:
        return (component(*self.arguments(*inputs)),)

    def kind_checks(self) -> Checks:
        return {"table": self.check_table}

    @torch.no_grad()
    def check_ports(self) -> None:
        """There is one prediction per position, of the declared width."""
        (prediction,) = self.call(self.component(), *self.unmasked())
        width = self.port("outputs", "prediction").width
        wanted = [ITEMS, POSITIONS, prediction.shape[-1] if width is None else width]
        require(
            list(prediction.shape) == wanted and prediction.dtype is torch.float32,
            f"{self.label} predicts {prediction.dtype} {list(prediction.shape)}; it declares float32 {wanted}.",
        )

    @torch.no_grad()
    def check_table(self) -> None:
        """Predictions with a precomputed table equal those without, as in training; also with step sizes."""
        backbone: Any = self.component()
        x, _, condition = self.arguments(*self.unmasked())
        times = torch.tensor(TIMES)
        pairs = torch.stack((times, torch.tensor(SIZES)), dim=-1)
        sized = (port := self.ports.inputs.get("times")) is not None and port.width == 2
        for given in (times, pairs) if sized else (times,):
            table = backbone.precompute(given, condition)
            for step, t in enumerate(given):
                fast = backbone(x, None, condition, table=table, step=step)
                slow = backbone(x, t.expand(ITEMS, *t.shape), condition)
                where = f"t = {TIMES[step]}"
                require(close(fast, slow), f"{self.label}: the precomputed table changes the prediction at {where}.")
        if sized:
            last = backbone(x, times[-1].expand(ITEMS), condition)
            require(close(fast, last), f"{self.label}: times without step sizes must mean steps of size 0.")
