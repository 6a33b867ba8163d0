"""A sound backbone and its breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Condition, DiffusionBackbone, Latents, Port, Ports

from . import Breaks
from .parts import add_part_breaks

BACKBONES = Breaks("backbone", {"width": 4})


class Mixer(DiffusionBackbone):
    """A layer over every position and the mean of the real ones, scaled by the time."""

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        port = Port(width=config["width"])
        return Ports(inputs={"x": port}, outputs={"prediction": port})

    def precompute(self, t: Tensor, condition: Condition) -> Tensor:
        return t

    def mean(self, x: Tensor, mask: Tensor | None) -> Tensor:
        weight = torch.ones(x.shape[:2]) if mask is None else mask.to(x.dtype)
        return (x * weight.unsqueeze(-1)).sum(1, keepdim=True) / weight.sum(1).view(-1, 1, 1)

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        time = table[step].view(1) if t is None else t
        x = x_t.x.to(self.linear.weight.dtype)
        return self.linear(x + self.mean(x, x_t.mask)) * (1 + time.view(-1, 1, 1))


BACKBONES.sound = Mixer
add_part_breaks(BACKBONES, "forward")


@BACKBONES("ports", "width of its port x")
class NoWidth(Mixer):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"x": Port()})


@BACKBONES("backward", "input 0")
class Detaches(Mixer):
    def forward(self, x_t: Latents, *arguments: Any, **details: Any) -> Tensor:
        return super().forward(x_t.with_x(x_t.x.detach()), *arguments, **details)


@BACKBONES("masks", "respect the masks")
class ReadsPadding(Mixer):
    def mean(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return super().mean(x, None)


@BACKBONES("table", "size 0")
class SizesByDefault(Mixer):
    """Knows step sizes, but takes 1 where none is given."""

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        ports = super().ports(config)
        return Ports({**ports.inputs, "times": Port(width=2)}, ports.outputs)

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        times = table[step : step + 1] if t is None else t
        return super().forward(x_t, times + 1 if times.dim() == 1 else times.sum(-1), condition)


@BACKBONES("table", "precomputed table")
class OtherTable(Mixer):
    def precompute(self, t: Tensor, condition: Condition) -> Tensor:
        return t + 0.1


@BACKBONES("bf16", "scalar type")
class SingleMask(Mixer):
    """With a mask it is float32 that is multiplied with parameters."""

    def mean(self, x: Tensor, mask: Tensor | None) -> Tensor:
        found = super().mean(x, mask)
        return found if mask is None else torch.einsum("bnd,de->bne", found.float(), torch.eye(x.shape[-1]).to(x.dtype))
