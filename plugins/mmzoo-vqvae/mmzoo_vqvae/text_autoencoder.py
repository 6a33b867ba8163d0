"""A convolutional text autoencoder over UTF-8 bytes, so any text can be encoded; each latent covers `stride` bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.interfaces.raw import check_symbols
from mmzoo.nn.convnext import ConvNeXtStack

BYTES = 256
PADDING = 0
"""A byte that does not occur in text; fills the last latent."""


class TextAutoencoder(ModalityEncoder):
    """Bytes `[B, N]` to latents `[B, ceil(N / stride), dim]`, and back to byte logits `[B, N', 256]`.

    Args:
        dim: Width of the latents.
        stride: Bytes per latent.
        width: Channels.
        depth: ConvNeXt blocks at the byte rate and at the latent rate, in the encoder and in the decoder.
        expansion: Expansion ratio of the blocks' MLPs.
    """

    modality = "text"

    def __init__(
        self, *, dim: Size, stride: Size = 2, width: Size = 192, depth: Count = 2, expansion: Positive = 3.0
    ) -> None:
        super().__init__()
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
        """Bytes int64 `[B, N]`, zero-padded to a multiple of `stride`; bytes outside the mask are ignored."""
        padding = -raw.shape[1] % self.stride
        mask = raw != PADDING if mask is None else mask
        raw, mask = F.pad(raw * mask, (0, padding)), F.pad(mask, (0, padding))
        latent_mask = mask.view(len(raw), -1, self.stride).any(-1)
        byte_mask = latent_mask.repeat_interleave(self.stride, dim=1)
        x = self.bytes_in(self.embed(check_symbols(raw, BYTES)), byte_mask)
        x = self.down(x.reshape(len(x), -1, x.shape[-1] * self.stride))
        x = self.to_latent(self.norm_in(self.latents_in(x, latent_mask)))
        return Latents(x.float(), latent_mask, modality="text")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to byte logits `[B, N * stride, 256]`."""
        x = self.latents_out(self.from_latent(latents.x), latents.mask)
        x = self.up(x).reshape(len(x), -1, x.shape[-1])
        mask = None if latents.mask is None else latents.mask.repeat_interleave(self.stride, dim=1)
        logits: Tensor = self.to_byte(self.norm_out(self.bytes_out(x, mask)))
        return logits


def to_bytes(texts: list[str], device: torch.device | None = None) -> Tensor:
    """Texts as bytes int64 `[B, longest]`, padded with 0."""
    rows = [torch.tensor(list(text.encode()), dtype=torch.int64, device=device) for text in texts]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING)


def to_text(row: Tensor) -> str:
    """Bytes `[N]` to text; 0 is skipped, and invalid UTF-8 becomes U+FFFD."""
    return bytes(row[row != PADDING].tolist()).decode("utf-8", errors="replace")
