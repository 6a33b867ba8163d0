"""The contract of a DiffusionBackbone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Condition, Latents
from mmzoo.testing.common import Checks, ConformanceError, close, port, probe_loss, require, run_checks
from mmzoo.testing.trial import Trial

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
    """Check a registered backbone against the contract of its kind.

    It is called with sequences of latents, or with a 3 by 4 grid if the config has `position: rope-2d`.

    Args:
        name: The registered name.
        vectors: Width of each vector of the condition by name; None to read `vector_channels` of the config.
        aligned: Width of each aligned sequence by name; None to read `aligned_channels`.
        sequences: Width of each other sequence by name; None to read `sequence_channels`.
        **config: The backbone's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = BackboneTrial(name, config, vectors=vectors, aligned=aligned, sequences=sequences)
    run_checks(trial.label, trial.checks())


class BackboneTrial(Trial):
    """A backbone with noisy latents `[2, 12, D]`, two times and the condition that its config declares."""

    kind = "backbone"

    def __init__(self, name: str, config: Mapping[str, Any], **widths: Mapping[str, int] | None) -> None:
        super().__init__(name, config)
        self.given = widths

    @cached_property
    def case(self) -> Case:
        """The backbone's inputs."""
        channels = port(self.part, "inputs", "x").width
        if channels is None:
            raise ConformanceError(f"{self.label} must declare the width of its port x, so that `create` can check it.")
        return Case(
            channels,
            self._widths("vectors", "vector_channels"),
            self._widths("aligned", "aligned_channels"),
            self._widths("sequences", "sequence_channels"),
            grid=(3, 4) if self.part.config.get("position") == "rope-2d" else None,
        )

    def _widths(self, argument: str, key: str) -> Mapping[str, int]:
        given = self.given.get(argument)
        widths: Mapping[str, int] = (self.part.config.get(key) or {}) if given is None else given
        return widths

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        case = self.case
        mask, context = case.masks()
        sequences = [tensor for sequence in case.sequences.values() for tensor in (sequence, context)]
        return (case.data, mask, *case.vectors.values(), *case.aligned.values(), *sequences)

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        case, (x, mask, *rest) = self.case, inputs
        vectors = {name: rest.pop(0) for name in case.vectors}
        aligned = {name: rest.pop(0) for name in case.aligned}
        sequences = {name: Latents(rest.pop(0), rest.pop(0)) for name in case.sequences}
        latents = Latents(x, mask, case.positions())
        return (component(latents, case.times(), Condition(vectors, aligned, sequences)),)

    def loss(self, component: Any) -> Tensor:
        return probe_loss(component(self.case.x(), self.case.times(), self.case.condition()))

    def kind_checks(self) -> Checks:
        return {"table": self.check_table}

    @torch.no_grad()
    def check_ports(self) -> None:
        """There is one prediction per position, of the declared width."""
        prediction = self.component()(self.case.x(), self.case.times(), self.case.condition())
        width = port(self.part, "outputs", "prediction").width
        wanted = [ITEMS, POSITIONS, prediction.shape[-1] if width is None else width]
        require(
            list(prediction.shape) == wanted and prediction.dtype is torch.float32,
            f"{self.label} predicts {prediction.dtype} {list(prediction.shape)}; it declares float32 {wanted}.",
        )

    @torch.no_grad()
    def check_table(self) -> None:
        """Predictions with a precomputed table equal those without, as in training."""
        backbone: Any = self.component()
        case = self.case
        table = backbone.precompute(torch.tensor(TIMES), case.condition())
        for step, time in enumerate(TIMES):
            fast = backbone(case.x(), None, case.condition(), table=table, step=step)
            slow = backbone(case.x(), torch.full((ITEMS,), time), case.condition())
            require(
                close(fast, slow),
                f"{self.label}: the precomputed table changes the prediction at t = {time}.",
            )

    @torch.no_grad()
    def check_masks(self) -> None:
        """The contents of padding in x and in the condition do not affect predictions at real positions."""
        backbone, case = self.component(), self.case
        first, second = (
            backbone(case.x(fill), case.times(), case.condition(fill))[1:, :SHORTER] for fill in (0.0, 50.0)
        )
        require(
            close(second, first),
            f"{self.label}: the contents of padding affect predictions at real positions; respect the masks.",
        )

    @torch.no_grad()
    def check_batch(self) -> None:
        """A padded item gets the same prediction as alone."""
        backbone, case = self.component(), self.case
        alone = backbone(case.short(), case.times()[1:], case.short_condition())
        together = backbone(case.x(0.0), case.times(), case.condition(0.0))
        require(
            close(together[1:, :SHORTER], alone),
            f"{self.label} gives a different prediction for an item that is padded in a batch; respect the masks.",
        )


class Case:
    """Noisy latents, times and a condition with the declared entries."""

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

    def x(self, fill: float | None = None) -> Latents:
        """The full batch; given `fill`, the second item ends early and is padded with that value."""
        if fill is None:
            return Latents(self.data, grid=self.grid)
        mask, _ = self.masks()
        return Latents(self.data.masked_fill(~mask.unsqueeze(-1), fill), mask, self.positions())

    def masks(self) -> tuple[Tensor, Tensor]:
        """Masks of the latents and of the condition's sequences; the second item ends early."""
        mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
        mask[1, SHORTER:] = False
        context = torch.ones(ITEMS, CONTEXT, dtype=torch.bool)
        context[1, LESS_CONTEXT:] = False
        return mask, context

    def positions(self) -> Tensor | None:
        """Row and column of every position of a grid; given explicitly, since a shorter item has no grid."""
        if self.grid is None:
            return None
        rows, columns = self.grid
        return torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).float().expand(ITEMS, -1, -1)

    def short(self) -> Latents:
        """The second item alone."""
        positions = self.positions()
        return Latents(self.data[1:, :SHORTER], positions=None if positions is None else positions[1:, :SHORTER])

    def times(self) -> Tensor:
        return torch.tensor([0.25, 0.6])

    def condition(self, fill: float | None = None) -> Condition:
        mask = None
        sequences, aligned = self.sequences, self.aligned
        if fill is not None:
            _, mask = self.masks()
            sequences = {k: v.masked_fill(~mask.unsqueeze(-1), fill) for k, v in sequences.items()}
            tail = torch.arange(POSITIONS).view(1, -1, 1) >= SHORTER
            tail = tail & (torch.arange(ITEMS).view(-1, 1, 1) == 1)
            aligned = {k: v.masked_fill(tail, fill) for k, v in aligned.items()}
        return Condition(self.vectors, aligned, {k: Latents(v, mask) for k, v in sequences.items()})

    def short_condition(self) -> Condition:
        return Condition(
            {k: v[1:] for k, v in self.vectors.items()},
            {k: v[1:, :SHORTER] for k, v in self.aligned.items()},
            {k: Latents(v[1:, :LESS_CONTEXT]) for k, v in self.sequences.items()},
        )
