"""A fusion: latents of several modalities to one vector per item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces import Fusion, Latents, Port, Ports, Size


class AcmePart(Fusion):
    """One linear layer per modality on its mean over positions, averaged over the modalities that are present.

    Args:
        widths: Width of the latents of each modality, by name.
        width: Width of the result.
    """

    def __init__(self, *, widths: dict[str, Size], width: Size = 16) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(given, width) for name, given in widths.items()})

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of each modality in, features of width `width` out."""
        inputs = {name: Port(width=width) for name, width in config["widths"].items()}
        return Ports(inputs=inputs, outputs={"features": Port(width=config["width"])})

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """Latents by modality to `[B, width]`; a modality without a real position is left out."""
        if not parts:
            raise InputError("There is nothing to fuse; give at least one modality.")
        total, count = torch.zeros(()), torch.zeros(())
        for name, latents in parts.items():
            x = latents.x
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if latents.mask is None else latents.mask
            kept = mask.unsqueeze(-1).to(x.dtype)
            mean = (x * kept).sum(1) / kept.sum(1).clamp_min(1)
            present = mask.any(1, keepdim=True).to(x.dtype)
            total, count = total + self.layers[name](mean) * present, count + present
        return total / count.clamp_min(1)
