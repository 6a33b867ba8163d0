"""A text autoencoder of patches, each by itself, so that a text can be cut where its codes fit best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.interfaces.raw import check_symbols
from mmzoo_vqvae.text_autoencoder import BYTES, PADDING

BYTE_WIDTH = 32


class Residual(nn.Module):
    """LayerNorm and a GELU MLP with a skip connection."""

    def __init__(self, width: int, expansion: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, round(expansion * width))
        self.down = nn.Linear(round(expansion * width), width)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` to the same shape."""
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x))))
        return out


class PatchAutoencoder(ModalityEncoder):
    """Bytes `[B, N]` to latents `[B, ceil(N / stride), dim]`, and back to byte logits `[B, N', 256]`.

    Every `stride` bytes are one patch, which may end early, with padding.

    Args:
        dim: Width of the latents.
        stride: Bytes of the longest patch.
        width: Channels.
        depth: Residual blocks in the encoder and in the decoder.
        expansion: Expansion ratio of the blocks' MLPs.
    """

    modality = "text"

    def __init__(
        self, *, dim: Size, stride: Size = 8, width: Size = 128, depth: Size = 2, expansion: Positive = 2.0
    ) -> None:
        super().__init__()
        self.stride = stride
        self.embed = nn.Embedding(BYTES, BYTE_WIDTH)
        self.patch_in = nn.Linear(stride * BYTE_WIDTH, width)
        self.blocks_in = nn.Sequential(*(Residual(width, expansion) for _ in range(depth)))
        self.norm_in = nn.LayerNorm(width, eps=1e-6)
        self.to_latent = nn.Linear(width, dim)
        self.from_latent = nn.Linear(dim, width)
        self.blocks_out = nn.Sequential(*(Residual(width, expansion) for _ in range(depth)))
        self.norm_out = nn.LayerNorm(width, eps=1e-6)
        self.patch_out = nn.Linear(width, stride * BYTE_WIDTH)
        self.to_byte = nn.Linear(BYTE_WIDTH, BYTES)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Bytes in; latents of width `dim` out, and the same back."""
        text, latent = Port(modality="text", codebook_size=BYTES), Port(width=config["dim"])
        return Ports(inputs={"raw": text, "z": latent}, outputs={"latents": latent, "raw": text})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Bytes int64 `[B, N]`, zero-padded to a multiple of `stride`; bytes outside the mask are ignored."""
        padding = -raw.shape[1] % self.stride
        mask = raw != PADDING if mask is None else mask
        raw, mask = F.pad(raw * mask, (0, padding)), F.pad(mask, (0, padding))
        x = self.embed(check_symbols(raw, BYTES)).reshape(len(raw), -1, self.stride * BYTE_WIDTH)
        x = self.to_latent(self.norm_in(self.blocks_in(self.patch_in(x))))
        latent_mask = mask.view(len(raw), -1, self.stride).any(-1)
        return Latents(x.float() * latent_mask.unsqueeze(-1), latent_mask, modality="text")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to byte logits `[B, N * stride, 256]`."""
        x = self.patch_out(self.norm_out(self.blocks_out(self.from_latent(latents.x))))
        logits: Tensor = self.to_byte(F.gelu(x.reshape(len(x), -1, BYTE_WIDTH)))
        return logits
