"""A sound fusion and its breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Fusion, Latents, Port, Ports

from . import Breaks
from .parts import add_part_breaks

FUSIONS = Breaks("fusion", {"width": 4})
NAMES = ("image", "text")


class Mean(Fusion):
    """The mean of the means of those modalities that an item has."""

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.into = nn.ModuleDict({name: nn.Linear(3, width) for name in NAMES})

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={name: Port(width=3) for name in NAMES}, outputs={"features": Port(width=config["width"])})

    def weights(self, mask: Tensor) -> Tensor:
        return mask

    def told(self, parts: Mapping[str, Latents]) -> tuple[Tensor, Tensor]:
        """Means `[B, M, D]` of the modalities that are given, and whether an item has them `[B, M, 1]`."""
        means, there = [], []
        for name, latents in parts.items():
            mask = latents.x.new_ones(latents.x.shape[:2]) if latents.mask is None else latents.mask
            weight = self.weights(mask).to(latents.x.dtype).unsqueeze(-1)
            means.append((self.into[name](latents.x) * weight).sum(1) / weight.sum(1).clamp_min(1))
            there.append(mask.any(1, keepdim=True))
        return torch.stack(means, 1), torch.stack(there, 1)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        means, there = self.told(parts)
        return (means * there).sum(1) / there.sum(1).clamp_min(1)

    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        _, there = self.told(parts)
        shares = there.float().squeeze(-1) / there.sum(1).clamp_min(1)
        return dict(zip(parts, shares.unbind(1), strict=True))


FUSIONS.sound = Mean
add_part_breaks(FUSIONS, "forward")


@FUSIONS("backward", "input 0")
class Detaches(Mean):
    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        return super().forward({name: latents.with_x(latents.x.detach()) for name, latents in parts.items()})


@FUSIONS("masks", "contents of padding")
class ReadsPadding(Mean):
    def weights(self, mask: Tensor) -> Tensor:
        return torch.ones_like(mask)


@FUSIONS("absence", "differently from leaving")
class CountsTheAbsent(Mean):
    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        means, there = self.told(parts)
        return (means * there).sum(1) / len(parts)


@FUSIONS("absence", "each item separately")
class DecidesForAll(Mean):
    """A modality that one item lacks is left out of all."""

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        means, there = self.told(parts)
        there = there & there.all(0, keepdim=True)
        return (means * there).sum(1) / there.sum(1).clamp_min(1)


@FUSIONS("gates", "sum to")
class HalfGates(Mean):
    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        return {name: gate / 2 for name, gate in super().gates(parts).items()}


@FUSIONS("gates", "nonzero gate")
class GatesTheAbsent(Mean):
    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        return {name: torch.full((len(latents.x),), 1 / len(parts)) for name, latents in parts.items()}
