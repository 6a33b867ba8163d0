"""A diffusion backbone: noisy latents and a time to a prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Condition, DiffusionBackbone, Latents, Port, Ports, Size


class AcmePart(DiffusionBackbone):
    """Two layers at every position and the mean over positions, modulated by the time and the condition.

    Args:
        in_channels: Width of the latents.
        width: Width of the hidden layer.
        vector_channels: Width of each vector of the condition, by name.
    """

    def __init__(self, *, in_channels: Size, width: Size = 32, vector_channels: dict[str, Size] | None = None) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Linear(in_channels, width)
        self.mix = nn.Linear(width, width)
        self.leave = nn.Linear(width, in_channels)
        self.time = nn.Linear(width, width)
        self.vectors = nn.ModuleDict({name: nn.Linear(given, width) for name, given in (vector_channels or {}).items()})

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of width `in_channels` in, a prediction of the same width out."""
        latent = Port(width=config["in_channels"])
        return Ports(inputs={"x": latent}, outputs={"prediction": latent})

    def precompute(self, t: Tensor, condition: Condition) -> Tensor:
        """The modulation of `forward` for S times `[S]` and the condition, `[S, B or 1, width]`."""
        return self._modulation(self._time(t).unsqueeze(1), condition)

    def _modulation(self, scale: Tensor, condition: Condition) -> Tensor:
        for name, layer in self.vectors.items():
            scale = scale + layer(condition.vectors[name])
        return scale.tanh()

    def _time(self, t: Tensor) -> Tensor:
        """Times `[S]` to `[S, width]`."""
        waves = t.float().unsqueeze(1) * torch.linspace(1, 30, self.width, device=t.device)
        embedding: Tensor = self.time(waves.sin().to(self.time.weight.dtype))
        return embedding

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        """The prediction `[B, N, in_channels]` at times t `[B]`, or at `step` of a precomputed table."""
        scale = table[step] if t is None else self._modulation(self._time(t), condition)
        hidden = self.enter(x_t.x)
        shape = hidden.shape[:2]
        mask = torch.ones(shape, dtype=torch.bool, device=hidden.device) if x_t.mask is None else x_t.mask
        kept = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * kept).sum(1, keepdim=True) / kept.sum(1, keepdim=True).clamp_min(1)
        prediction: Tensor = self.leave((self.mix(hidden + mean) * (1 + scale.unsqueeze(1))).tanh())
        return prediction
