"""A quantizer: vectors to codes and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Port, Ports, Quantized, Quantizer, Size


class Grid(Quantizer):
    """Each channel is squashed into (-1, 1) and rounded to one of a few values.

    The keyword-only, typed arguments are the config, which a recipe may set.

    Args:
        dim: Width of the vectors.
        levels: Values per channel.
    """

    def __init__(self, *, dim: Size, levels: Size = 5) -> None:
        super().__init__()
        self.dim, self.levels = dim, levels
        self.scale = nn.Parameter(torch.ones(dim))

    def reset_parameters(self) -> None:
        """Every scale starts at 1."""
        nn.init.ones_(self.scale)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """z of width `dim` in and out; one code per channel."""
        z = Port(width=config["dim"])
        codes = Port(codebooks=config["dim"], codebook_size=config["levels"])
        return Ports(inputs={"z": z}, outputs={"z": z, "codes": codes})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Every channel has `levels` codes."""
        return (self.levels,) * self.dim

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """Vectors `[B, N, dim]` to codes `[B, N, dim]`, -1 in padding."""
        z, _ = self.check_vectors(z, mask, self.dim)
        return self.mask_codes(((self._bounded(z) + 1) / 2 * (self.levels - 1)).round().long(), mask)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, dim]` to vectors in [-1, 1]. Raises InputError on -1 and on codes out of range."""
        return self.check_codes(codes) * 2 / (self.levels - 1) - 1

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Round with straight-through gradients; there is no loss, because there is no codebook to learn."""
        z, mask = self.check_vectors(z, mask, self.dim, drop=self.training)
        bounded, codes = self._bounded(z), self.encode(z, mask)
        rounded = self.encode(z) * 2 / (self.levels - 1) - 1
        z_q = bounded + (rounded - bounded).detach()
        return Quantized(z_q, codes, z_q.new_zeros(()), {}, self.usage(codes))

    def _bounded(self, z: Tensor) -> Tensor:
        return (z * self.scale.float()).tanh()
