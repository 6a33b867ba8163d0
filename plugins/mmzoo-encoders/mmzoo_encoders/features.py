"""Encoders of another model's features: codes of a tokenizer, or vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Size
from mmzoo.nn.sines import sines
from mmzoo.nn.transformer import TransformerBlock


class Sequences(ModalityEncoder):
    """Base: sinusoidal positions and transformer blocks over vectors of one width.

    Args:
        width: Channels of the vectors.
        depth: Transformer blocks.
        heads: Attention heads.
    """

    def __init__(self, *, width: Size, depth: Count, heads: Size) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def through(self, x_BND: Tensor, mask: Tensor | None) -> Latents:
        """`[B, N, width]` to latents."""
        x = x_BND + sines(x_BND.shape[1], self.width, device=x_BND.device).to(x_BND.dtype)
        if mask is not None:
            x = x * mask.unsqueeze(-1)
        for block in self.blocks:
            x = block(x, mask)
        return Latents(self.norm(x), mask)


class CodeEncoder(Sequences):
    """Codes `[B, N, Q]` of a tokenizer, such as those of `vqvae-image`, to latents `[B, N, width]`.

    The embeddings of a position's codes are summed.

    Args:
        codebook_sizes: Codebook sizes of the tokenizer.
        width: Channels of the latents.
        depth: Transformer blocks.
        heads: Attention heads.
    """

    modality = "codes"

    def __init__(self, *, codebook_sizes: Sequence[Size], width: Size = 128, depth: Count = 2, heads: Size = 4) -> None:
        super().__init__(width=width, depth=depth, heads=heads)
        if not codebook_sizes or min(codebook_sizes) < 1:
            raise ConfigError("encoder: codebook_sizes must be positive, one for each codebook.", path="codebook_sizes")
        self.sizes = tuple(codebook_sizes)
        self.embed = nn.ModuleList(nn.Embedding(size, width) for size in self.sizes)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Codes in, latents of width `width` out."""
        sizes = set(config["codebook_sizes"])
        raw = Port(codebooks=len(config["codebook_sizes"]), codebook_size=sizes.pop() if len(sizes) == 1 else None)
        return Ports(inputs={"raw": raw}, outputs={"latents": Port(width=config["width"])})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Codes int64 `[B, N, Q]`; codes outside the mask `[B, N]`, such as -1, are not read."""
        if raw.shape[2] != len(self.sizes):
            raise InputError(f"The encoder takes codes [B, N, {len(self.sizes)}], not {list(raw.shape)}.")
        codes = raw if mask is None else raw.masked_fill(~mask.unsqueeze(-1), 0)
        if not torch.compiler.is_exporting() and codes.numel() and self._outside(codes):
            raise InputError(f"A code lies outside its codebook; the sizes are {list(self.sizes)}.")
        embedded = [embed(codes[..., index]) for index, embed in enumerate(self.embed)]
        return self.through(torch.stack(embedded).sum(0) / len(embedded) ** 0.5, mask)

    def _outside(self, codes: Tensor) -> bool:
        """Whether a code is out of range; depends on values, so it is skipped in an exported graph."""
        return int(codes.min()) < 0 or bool((codes >= torch.tensor(self.sizes).to(codes)).any())


class VectorEncoder(Sequences):
    """Vectors `[B, N, channels]`, such as hidden states of a diffusion backbone, to latents `[B, N, width]`.

    Args:
        channels: Channels of the vectors.
        width: Channels of the latents.
        depth: Transformer blocks.
        heads: Attention heads.
    """

    modality = "vectors"

    def __init__(self, *, channels: Size, width: Size = 128, depth: Count = 0, heads: Size = 4) -> None:
        super().__init__(width=width, depth=depth, heads=heads)
        self.norm_in = nn.LayerNorm(channels, eps=1e-6)
        self.embed = nn.Linear(channels, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Vectors in, latents of width `width` out."""
        return Ports(inputs={"raw": Port(width=config["channels"])}, outputs={"latents": Port(width=config["width"])})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Vectors outside the mask `[B, N]` are not read."""
        if raw.shape[2] != self.embed.in_features:
            raise InputError(f"The encoder takes vectors [B, N, {self.embed.in_features}], not {list(raw.shape)}.")
        x = raw if mask is None else raw.masked_fill(~mask.unsqueeze(-1), 0)
        return self.through(self.embed(self.norm_in(x)), mask)
