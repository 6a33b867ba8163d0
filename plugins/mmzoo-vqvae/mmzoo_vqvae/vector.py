"""Vector quantization with learned codebooks, plain or grouped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Fraction, Port, Ports, Quantized, Quantizer, Size, Weight
from mmzoo_vqvae.codebook import EMACodebook
from mmzoo_vqvae.estimators import ESTIMATORS
from mmzoo_vqvae.losses import commitment_loss
from mmzoo_vqvae.search import nearest


class VectorQuantizer(Quantizer):
    """VQ (van den Oord et al., arXiv 1711.00937) with EMA codebooks.

    With more than one group this is product VQ: the channels are split into equal groups, each with its own codebook.

    Args:
        dim: Width D of the vectors.
        codebook_size: Codes per codebook, K.
        groups: Number of codebooks, Q.
        commitment: Weight of the commitment loss.
        decay: See EMACodebook.
        revive_below: See EMACodebook.
        estimator: Gradient estimator, `straight-through` or `rotation`.
    """

    def __init__(
        self,
        *,
        dim: Size,
        codebook_size: Size = 1024,
        groups: Size = 1,
        commitment: Weight = 0.25,
        decay: Fraction = 0.99,
        revive_below: Fraction = 0.1,
        estimator: Literal["straight-through", "rotation"] = "straight-through",
    ) -> None:
        super().__init__()
        if dim % groups:
            raise ConfigTypeError(f"quantizer: dim {dim} must be divisible by groups {groups}.", path="groups")
        self.dim, self.groups, self.commitment = dim, groups, commitment
        self.estimate = ESTIMATORS[estimator]
        self.codebook = EMACodebook(groups, codebook_size, dim // groups, decay=decay, revive_below=revive_below)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """z of width `dim` in and out; codes of `groups` codebooks out."""
        latent = Port(width=config["dim"])
        codes = Port(codebook_size=config["codebook_size"], codebooks=config["groups"])
        return Ports(inputs={"z": latent}, outputs={"z": latent, "codes": codes})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """K for each group."""
        return (self.codebook.counts.shape[1],) * self.groups

    def _split(self, z_BND: Tensor) -> Tensor:
        return z_BND.reshape(-1, self.groups, self.dim // self.groups).transpose(0, 1)

    def _lookup(self, codes_BNQ: Tensor) -> Tensor:
        vectors = self.codebook.vectors
        index = codes_BNQ.reshape(-1, self.groups).transpose(0, 1).unsqueeze(-1).expand(-1, -1, vectors.shape[-1])
        return torch.gather(vectors, 1, index).transpose(0, 1).reshape(*codes_BNQ.shape[:2], self.dim)

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to codes `[B, N, groups]`."""
        z, _ = self.check_vectors(z, mask, self.dim)
        return self.mask_codes(self._nearest(z), mask)

    def _nearest(self, z_BND: Tensor) -> Tensor:
        index = nearest(self._split(z_BND), self.codebook.vectors)
        return index.transpose(0, 1).reshape(*z_BND.shape[:2], self.groups)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, groups]` to `[B, N, D]`."""
        return self._lookup(self.check_codes(codes))

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize; in training mode, also update the codebooks."""
        z, mask = self.check_vectors(z, mask, self.dim, drop=self.training)
        with torch.autocast(z.device.type, enabled=False):
            learning = self.training and not self.codebook.frozen
            real = self._split(z if mask is None else z[mask].unsqueeze(0)).detach()
            if learning and not bool(self.codebook.initialised.all()):
                self.codebook.initialise(real)
            codes = self._nearest(z)
            q = self._lookup(codes)
            loss = self.commitment * commitment_loss(z, q, mask)
            shape = (*z.shape[:2], self.groups, self.dim // self.groups)
            z_q = self.estimate(z.view(shape), q.view(shape)).reshape(z.shape)
            if learning:
                real_codes = codes if mask is None else codes[mask].unsqueeze(0)
                self.codebook.update(real, real_codes.reshape(-1, self.groups).transpose(0, 1))
        codes = self.mask_codes(codes, mask)
        return Quantized(z_q, codes, loss, {"commitment": loss}, self.usage(codes))
