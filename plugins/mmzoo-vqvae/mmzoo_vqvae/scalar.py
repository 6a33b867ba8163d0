"""Finite scalar quantization: every channel is rounded to a few levels, without a learned codebook."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Fraction, Port, Ports, Quantized, Quantizer, Size
from mmzoo.nn.precise import Float32Buffers, linear_float32
from mmzoo_vqvae.estimators import straight_through

MOST_LEVELS = 1 << 16
"""More could not be told apart: tanh in float32 has about 2 ** 24 values."""
LARGEST = 2**63 - 1
"""Most codes of a codebook: codes are int64."""


class FiniteScalarQuantizer(Float32Buffers, Quantizer):
    """FSQ (Mentzer et al., arXiv 2309.15505): channel i is bounded and rounded to `levels[i]` values in [-1, 1].

    Args:
        levels: Levels of each channel.
        dim: Width of the vectors; if it differs from len(levels), linear layers project in and out. None for
            len(levels).
        per_codebook: Channels packed into one code, the first varying fastest, which makes len(levels) / per_codebook
            codebooks; None for all channels.
        jitter: Fraction of training items whose rounding is replaced by uniform noise of the same range, so that the
            decoder tolerates slightly wrong codes (as in arXiv 2411.19842).
    """

    half_range: Tensor
    offset: Tensor
    shift: Tensor
    half_width: Tensor
    basis: Tensor

    def __init__(
        self,
        *,
        levels: list[int],
        dim: Size | None = None,
        per_codebook: Size | None = None,
        jitter: Fraction = 0.0,
    ) -> None:
        super().__init__()
        if not levels or min(levels) < 2 or max(levels) > MOST_LEVELS:
            raise ConfigTypeError(
                f"quantizer: levels must be integers from 2 to {MOST_LEVELS:,}, not {str(levels)[:80]}.", path="levels"
            )
        per_codebook = per_codebook or len(levels)
        if len(levels) % per_codebook:
            raise ConfigTypeError(
                f"quantizer: per_codebook {per_codebook} must divide the {len(levels)} levels.", path="per_codebook"
            )
        self.level_counts, self.per_codebook, self.jitter = tuple(levels), per_codebook, jitter
        if max(self.codebook_sizes) > LARGEST:
            raise ConfigTypeError(
                f"quantizer: levels makes codes of {math.log2(max(self.codebook_sizes)):.1f} bits, and int64 holds less"
                " than 63; split them with per_codebook.",
                path="levels",
            )
        self.width = dim or len(levels)
        channels = len(levels)
        self.project_in = nn.Identity() if dim in (None, channels) else nn.Linear(dim, channels)
        self.project_out = nn.Identity() if dim in (None, channels) else nn.Linear(channels, dim)
        for name in ("half_range", "offset", "shift", "half_width"):
            self.register_buffer(name, torch.empty(channels), persistent=False)
        self.register_buffer("basis", torch.empty(channels, dtype=torch.long), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Recompute the constants of the paper's equation 2, which are not stored in weights."""
        super().reset_parameters()
        levels = torch.tensor(self.level_counts, dtype=torch.float64)
        half_range = (levels - 1) * (1 + 1e-3) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        values = {
            "half_range": half_range,
            "offset": offset,
            "shift": torch.atanh(offset / half_range),
            "half_width": torch.floor(levels / 2),
        }
        for name, value in values.items():
            getattr(self, name).copy_(value)
        basis = []
        for start in range(0, len(levels), self.per_codebook):
            basis += [math.prod(self.level_counts[start:i]) for i in range(start, start + self.per_codebook)]
        self.basis.copy_(torch.tensor(basis))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """z in and out, of width `dim` or len(levels); codes out."""
        levels = config["levels"]
        per = config["per_codebook"] or len(levels)
        latent = Port(width=config["dim"] or len(levels))
        return Ports(inputs={"z": latent}, outputs={"z": latent, "codes": Port(codebooks=len(levels) // per)})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """For each code, the product of the levels packed into it."""
        counts, per = self.level_counts, self.per_codebook
        return tuple(math.prod(counts[i : i + per]) for i in range(0, len(counts), per))

    def _bounded(self, z: Tensor) -> Tensor:
        return torch.tanh(linear_float32(self.project_in, z) + self.shift) * self.half_range - self.offset

    def _pack(self, rounded: Tensor) -> Tensor:
        digits = (rounded + self.half_width).long() * self.basis
        return digits.reshape(*digits.shape[:-1], len(self.codebook_sizes), self.per_codebook).sum(-1)

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to codes `[B, N, codebooks]`."""
        z, _ = self.check_vectors(z, mask, self.width)
        with torch.autocast(z.device.type, enabled=False):
            return self.mask_codes(self._pack(self._bounded(z).round()), mask)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, codebooks]` to `[B, N, D]`."""
        codes = self.check_codes(codes)
        levels = torch.tensor(self.level_counts, device=codes.device)
        digits = codes.repeat_interleave(self.per_codebook, dim=-1) // self.basis % levels
        return linear_float32(self.project_out, (digits - self.half_width) / self.half_width)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Round with straight-through gradients; the loss is 0."""
        z, mask = self.check_vectors(z, mask, self.width, drop=self.training)
        with torch.autocast(z.device.type, enabled=False):
            bounded = self._bounded(z)
            rounded = bounded.round()
            value = straight_through(bounded, rounded)
            if self.training and self.jitter:
                chosen = torch.rand(len(z), 1, 1, device=z.device) < self.jitter
                value = torch.where(chosen, bounded + torch.rand_like(bounded) - 0.5, value)
            z_q = linear_float32(self.project_out, value / self.half_width)
            codes = self.mask_codes(self._pack(rounded), mask)
        zero = z_q.new_zeros(())
        return Quantized(z_q, codes, zero, {}, self.usage(codes))
