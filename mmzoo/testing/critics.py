"""The contract of a Critic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Adversary, Port
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.encoders import raw_batch
from mmzoo.testing.trial import Trial
from mmzoo.testing.values import seeded

MODALITIES = ("speech", "image")
LESSONS, LEARNING_RATE = 40, 1e-2
LEARNED = 1.96
"""Largest hinge loss after the lessons. A critic that sees no difference cannot get below 2."""


class CriticTrial(Trial):
    """A critic and a raw batch of two items without padding."""

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        modality = getattr(self.part.cls, "modality", None)
        if modality not in MODALITIES:
            raise ConformanceError(f"{self.label} has the modality {modality!r}; set it to speech or image.")
        return raw_batch(modality, Port())[:1]

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return self.inputs if self.inputs[0].dim() == 2 else super().cast_inputs(dtype)

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(each for scale in component(*inputs) for each in scale)

    def kind_checks(self) -> Checks:
        return {"learning": self.check_learning}

    def checks(self) -> Checks:
        return {name: check for name, check in super().checks().items() if name != "masks"}  # nothing is padded

    @torch.no_grad()
    def check_ports(self) -> None:
        """It returns a list of scales, each a list of float maps `[B, ...]`."""
        scales = self.component()(*self.inputs)
        require(
            _is_list(scales) and all(_is_list(scale) for scale in scales),
            f"{self.label} must return a list of scales, each a list of feature maps that ends with the scores.",
        )
        for each in self.call(self.component(), *self.inputs):
            require(
                isinstance(each, Tensor) and each.is_floating_point() and each.shape[:1] == (2,),
                f"{self.label} returns a map of {getattr(each, 'dtype', type(each).__name__)}"
                f" {list(getattr(each, 'shape', ()))}; floats [2, ...] were expected for two items.",
            )

    def check_learning(self) -> None:
        """In a few steps it learns to tell noise from smoothed noise."""
        critic: Any = self.fresh().train()
        adversary = Adversary([critic])
        real = self.inputs[0]
        output = torch.stack([real.roll(shift, 1) for shift in range(4)]).mean(0)
        optimizer = torch.optim.AdamW(critic.parameters(), lr=LEARNING_RATE, betas=(0.8, 0.99))
        losses = []
        for lesson in range(LESSONS):
            with seeded(lesson):
                verdict = adversary(real, output)
            losses.append(float(verdict.critics.detach()))
            optimizer.zero_grad()
            verdict.critics.backward()
            optimizer.step()
        require(
            losses[-1] <= LEARNED,
            f"{self.label} does not learn to tell noise from smoothed noise: in {LESSONS} steps its hinge loss goes"
            f" from {losses[0]:.2f} to {losses[-1]:.2f}, which a critic that sees no difference has too.",
        )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) > 0
