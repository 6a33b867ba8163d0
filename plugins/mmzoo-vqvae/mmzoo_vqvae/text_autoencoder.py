"""A convolutional text autoencoder over the bytes of UTF-8: any text goes in, `stride` bytes to a latent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports
from mmzoo.nn.convnext import ConvNeXtStack

BYTES = 256
PADDING = 0
"""The byte that no text has: it fills the last latent."""


class TextAutoencoder(ModalityEncoder):
    """Bytes `[B, N]` to latents `[B, ceil(N / stride), dim]` and back to scores of bytes `[B, N', 256]`.

    stride: bytes in one latent. width: channels. depth: ConvNeXt blocks at each of the two rates, in each half.
    """

    modality = "text"

    def __init__(self, *, dim: int, stride: int = 2, width: int = 192, depth: int = 2, expansion: float = 3.0) -> None:
        super().__init__()
        if stride < 1:
            raise ConfigTypeError(f"encoder: stride is {stride}; it must be at least 1.", path="stride")
        self.stride = stride
        self.embed = nn.Embedding(BYTES, width)
        self.bytes_in = ConvNeXtStack(width, depth, expansion=expansion)
        self.down = nn.Linear(width * stride, width)
        self.latents_in = ConvNeXtStack(width, depth, expansion=expansion)
        self.norm_in = nn.LayerNorm(width, eps=1e-6)
        self.to_latent = nn.Linear(width, dim)
        self.from_latent = nn.Linear(dim, width)
        self.latents_out = ConvNeXtStack(width, depth, expansion=expansion)
        self.up = nn.Linear(width, width * stride)
        self.bytes_out = ConvNeXtStack(width, depth, expansion=expansion)
        self.norm_out = nn.LayerNorm(width, eps=1e-6)
        self.to_byte = nn.Linear(width, BYTES)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Bytes in; latents of width `dim` out, and the same back."""
        text, latent = Port(modality="text", codebook_size=BYTES), Port(width=config["dim"])
        return Ports(inputs={"raw": text, "z": latent}, outputs={"latents": latent, "raw": text})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Bytes int64 `[B, N]`, padded with 0 to whole latents; what stands under a False mask is not read."""
        filling = -raw.shape[1] % self.stride
        mask = raw != PADDING if mask is None else mask
        raw, mask = F.pad(raw * mask, (0, filling)), F.pad(mask, (0, filling))
        latent_mask = mask.view(len(raw), -1, self.stride).any(-1)
        byte_mask = latent_mask.repeat_interleave(self.stride, dim=1)
        x = self.bytes_in(self.embed(raw), byte_mask)
        x = self.down(x.reshape(len(x), -1, x.shape[-1] * self.stride))
        x = self.to_latent(self.norm_in(self.latents_in(x, latent_mask)))
        return Latents(x.float(), latent_mask, modality="text")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to scores `[B, N * stride, 256]` of each byte."""
        x = self.latents_out(self.from_latent(latents.x), latents.mask)
        x = self.up(x).reshape(len(x), -1, x.shape[-1])
        mask = None if latents.mask is None else latents.mask.repeat_interleave(self.stride, dim=1)
        scores: Tensor = self.to_byte(self.norm_out(self.bytes_out(x, mask)))
        return scores


def to_bytes(texts: list[str], device: torch.device | None = None) -> Tensor:
    """Texts as bytes int64 `[B, longest]`, filled with 0."""
    rows = [torch.tensor(list(text.encode()), dtype=torch.int64, device=device) for text in texts]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING)


def to_text(row: Tensor) -> str:
    """Bytes `[N]` to a text: 0 is passed over, what is no UTF-8 becomes U+FFFD."""
    return bytes(row[row != PADDING].tolist()).decode("utf-8", errors="replace")
