"""A fusion: latents of several modalities to one vector an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces import Fusion, Latents, Port, Ports


class AcmePart(Fusion):
    """The mean over time of every modality through a layer of its own, and the mean of those that are there.

    widths: of the latents of each modality, by its name. width: of the result.
    """

    def __init__(self, *, widths: dict[str, int], width: int = 16) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(given, width) for name, given in widths.items()})

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of each modality in, features of width `width` out."""
        inputs = {name: Port(width=width) for name, width in config["widths"].items()}
        return Ports(inputs=inputs, outputs={"features": Port(width=config["width"])})

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """Latents by modality to `[B, width]`; a modality without a real position counts for nothing."""
        if not parts:
            raise InputError("There is nothing to fuse; give at least one modality.")
        total, count = torch.zeros(()), torch.zeros(())
        for name, latents in parts.items():
            x = latents.x
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if latents.mask is None else latents.mask
            kept = mask.unsqueeze(-1).to(x.dtype)
            mean = (x * kept).sum(1) / kept.sum(1).clamp_min(1)
            there = mask.any(1, keepdim=True).to(x.dtype)
            total, count = total + self.layers[name](mean) * there, count + there
        return total / count.clamp_min(1)
