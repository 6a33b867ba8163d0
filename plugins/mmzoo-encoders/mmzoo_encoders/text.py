"""Encoders of symbol sequences: phones, bytes, words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.interfaces.raw import check_symbols
from mmzoo.nn.convnext import ConvNeXtStack


class SymbolEncoder(ModalityEncoder):
    """Ids `[B, N]` of symbols (phones, bytes, words) to latents `[B, N, width]`.

    An embedding followed by ConvNeXt blocks: each symbol sees 3 * depth neighbors on either side.

    Args:
        vocabulary: Number of symbols.
        width: Channels of the latents.
        depth: Number of ConvNeXt blocks.
        expansion: Hidden width of a block over width.
    """

    modality = "text"

    def __init__(self, *, vocabulary: Size, width: Size = 256, depth: Count = 4, expansion: Positive = 3.0) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = ConvNeXtStack(width, depth, expansion=expansion)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Symbols in, latents of width `width` out."""
        return Ports(
            inputs={"raw": Port(modality="text", codebook_size=config["vocabulary"])},
            outputs={"latents": Port(width=config["width"])},
        )

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Ids int64 `[B, N]`; ids under a False mask are not read."""
        if mask is not None:
            raw = raw.masked_fill(~mask, 0)
        x = self.blocks(self.embed(check_symbols(raw, self.vocabulary)), mask)
        return Latents(self.norm(x), mask, modality="text")


class ByteEncoder(SymbolEncoder):
    """A SymbolEncoder over the 256 bytes of UTF-8 text.

    Args:
        width: Channels of the latents.
        depth: Number of ConvNeXt blocks.
        expansion: Hidden width of a block over width.
    """

    def __init__(self, *, width: Size = 256, depth: Count = 4, expansion: Positive = 3.0) -> None:
        super().__init__(vocabulary=256, width=width, depth=depth, expansion=expansion)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Bytes in, latents of width `width` out."""
        return super().ports({**config, "vocabulary": 256})

    def encode_text(self, texts: list[str]) -> Latents:
        """Strings to latents, padded to the longest.

        Raises:
            InputError: There is no text, or one is empty.
        """
        if not texts or not all(texts):
            raise InputError("The byte encoder needs at least one text, and no empty ones.")
        rows = [torch.tensor(list(text.encode()), device=self.embed.weight.device) for text in texts]
        lengths = torch.tensor([len(row) for row in rows], device=rows[0].device)
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return self.encode(ids, torch.arange(ids.shape[1], device=ids.device) < lengths.unsqueeze(1))
