"""Residual vector quantization: each codebook encodes the residual of the previous ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Fraction, Port, Ports, Quantized, Quantizer, Size, Weight
from mmzoo.interfaces.codes import as_codes
from mmzoo_vqvae.codebook import EMACodebook
from mmzoo_vqvae.estimators import straight_through
from mmzoo_vqvae.losses import commitment_loss
from mmzoo_vqvae.ranks import shared_generator
from mmzoo_vqvae.search import nearest


class ResidualVectorQuantizer(Quantizer):
    """RVQ (Zeghidour et al., arXiv 2107.03312) with EMA codebooks.

    A single straight-through estimator wraps the sum of all levels, so every level's commitment loss reaches the
    encoder. Quantizer dropout trains on random prefixes of the levels, so that any prefix can be decoded. Codebooks are
    initialized by k-means, one level per step, on the residuals of the previous levels.

    Args:
        dim: Width D of the vectors.
        codebook_size: Codes per codebook, K.
        levels: Number of codebooks, Q.
        commitment: Weight of the commitment loss.
        decay: See EMACodebook.
        revive_below: See EMACodebook.
        dropout: Probability that a training batch keeps only a random prefix of the levels.
    """

    def __init__(
        self,
        *,
        dim: Size,
        codebook_size: Size = 1024,
        levels: Size = 8,
        commitment: Weight = 0.25,
        decay: Fraction = 0.99,
        revive_below: Fraction = 0.1,
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        self.dim, self.levels, self.commitment, self.dropout = dim, levels, commitment, dropout
        self.codebook = EMACodebook(levels, codebook_size, dim, decay=decay, revive_below=revive_below)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """z of width `dim` in and out; codes of `levels` codebooks out."""
        latent = Port(width=config["dim"])
        codes = Port(codebook_size=config["codebook_size"], codebooks=config["levels"])
        return Ports(inputs={"z": latent}, outputs={"z": latent, "codes": codes})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """K for each level."""
        return (self.codebook.counts.shape[1],) * self.levels

    def _quantize_levels(self, z_ND: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Codes `[N, Q]`, the sum of code vectors up to each level `[Q, N, D]`, and each level's input residual."""
        vectors = self.codebook.vectors
        residual, codes, residuals, partial = z_ND, [], [], []
        total = torch.zeros_like(z_ND)
        for level in range(self.levels):
            residuals.append(residual)
            index = nearest(residual.unsqueeze(0), vectors[level : level + 1])[0]
            chosen = vectors[level][index]
            residual, total = residual - chosen, total + chosen
            codes.append(index)
            partial.append(total)
        return torch.stack(codes, -1), torch.stack(partial), residuals

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to codes `[B, N, levels]`."""
        z, _ = self.check_vectors(z, mask, self.dim)
        codes, _, _ = self._quantize_levels(z.detach().reshape(-1, self.dim))
        return self.mask_codes(codes.view(*z.shape[:2], self.levels), mask)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, q]` of the first q <= levels codebooks to `[B, N, D]`."""
        codes = as_codes(codes)
        used = codes.shape[-1] if codes.dim() == 3 and codes.shape[-1] else self.levels
        codes = self.check_codes(codes, self.codebook_sizes[:used])
        vectors = self.codebook.vectors
        return torch.stack([vectors[level][codes[..., level]] for level in range(used)]).sum(0)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize; in training mode, also update the codebooks."""
        z, mask = self.check_vectors(z, mask, self.dim, drop=self.training)
        with torch.autocast(z.device.type, enabled=False):
            flat = z.detach().reshape(-1, self.dim)
            learning = self.training and not self.codebook.frozen
            codes, partial, residuals = self._quantize_levels(flat)
            keep = self.levels
            if learning:
                fresh = (~self.codebook.initialised).nonzero().flatten()
                if len(fresh):
                    level = int(fresh[0])
                    real = residuals[level] if mask is None else residuals[level][mask.reshape(-1)]
                    self.codebook.initialise(real.unsqueeze(0), levels=slice(level, level + 1))
                    codes, partial, residuals = self._quantize_levels(flat)
                    keep = level + 1
                elif self.dropout:
                    generator = shared_generator(z.device)  # all ranks update the same levels
                    if float(torch.rand((), generator=generator)) < self.dropout:
                        keep = int(torch.randint(1, self.levels + 1, (), generator=generator))
            partial_BND = [p.view(z.shape) for p in partial]
            loss = torch.stack([commitment_loss(z, p, mask) for p in partial_BND[:keep]]).mean() * self.commitment
            z_q = straight_through(z, partial_BND[keep - 1])
            if learning:
                rows = slice(None) if mask is None else mask.reshape(-1)
                stacked = torch.stack([r[rows] for r in residuals[:keep]])
                self.codebook.update(stacked, codes[rows, :keep].transpose(0, 1), levels=slice(0, keep))
        codes = self.mask_codes(codes.view(*z.shape[:2], self.levels), mask)
        return Quantized(z_q, codes, loss, {"commitment": loss}, self.usage(codes))
