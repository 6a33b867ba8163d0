"""Sums over the parts of a batch: scalars, and the gradients of critics."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator
from torch import Tensor, nn


class Means:
    """Weighted means of scalars over the parts of a batch."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._weights: dict[str, float] = {}
        self._total = 0.0

    def add(self, values: Mapping[str, Tensor], weight: float) -> None:
        """Add one part's scalars."""
        self._total += weight
        for name, value in values.items():
            value = value.detach() if weight == 1 else value.detach() * weight
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._weights[name] = self._weights.get(name, 0.0) + weight

    def read(self) -> dict[str, Tensor]:
        """The means, times the sum of all weights: over the ranks, it is 1 on average."""
        return {
            name: value if self._weights[name] == self._total else value * (self._total / (self._weights[name] or 1.0))
            for name, value in self._sums.items()
        }


class Gradients:
    """Gradients of the critics, kept apart from those that the model's loss leaves in them."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.used = False
        self._sums: list[Tensor | None] = [None] * len(parameters)

    def add(self, loss: Tensor) -> None:
        """Add the gradients of a part's loss."""
        self.used = True
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        self._sums = [b if a is None else a if b is None else a + b for a, b in zip(self._sums, gradients, strict=True)]

    def store(self, accelerator: Accelerator) -> None:
        """Make them, averaged over the ranks, the gradients of the parameters."""
        if accelerator.num_processes > 1:
            sums = [p.new_zeros(p.shape) if g is None else g for p, g in zip(self.parameters, self._sums, strict=True)]
            flat = accelerator.reduce(torch.cat([g.flatten() for g in sums]), "mean")
            self._sums = [
                g.view_as(p) for g, p in zip(flat.split([g.numel() for g in sums]), self.parameters, strict=True)
            ]
        for parameter, gradient in zip(self.parameters, self._sums, strict=True):
            parameter.grad = gradient
