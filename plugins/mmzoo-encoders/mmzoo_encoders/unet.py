"""A small U-Net: features of every pixel of an image."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import ConfigError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.patches import fold, unfold


class UNetEncoder(ModalityEncoder):
    """Images `[B, H, W, 3]` from 0 to 1 to one latent for each pixel (Ronneberger et al., arXiv 1505.04597).

    ConvNeXt blocks at each resolution on the way down and on the way up, joined by skip connections; resolutions change
    by moving pixels into channels and back.

    Args:
        widths: Channels at the full resolution, a half, a quarter ...
        depth: Blocks at each resolution, down and up.
        expansion: Hidden width of a block over its width.
        kernel_size: Odd.
    """

    modality = "image"

    def __init__(
        self,
        *,
        widths: Sequence[Size] = (16, 32, 64, 96),
        depth: Count = 1,
        expansion: Positive = 3.0,
        kernel_size: Size = 7,
    ) -> None:
        super().__init__()
        if not widths:
            raise ConfigError("encoder: widths must name at least one resolution.", path="widths")

        def blocks(width: int) -> ConvNeXtStack:
            return ConvNeXtStack(width, depth, expansion=expansion, kernel_size=kernel_size, axes=2)

        self.enter = nn.Linear(3, widths[0])
        self.blocks_down = nn.ModuleList(blocks(width) for width in widths)
        self.down = nn.ModuleList(nn.Linear(4 * i, o) for i, o in itertools.pairwise(widths))
        back = tuple(reversed(widths))
        self.up = nn.ModuleList(nn.Linear(i, 4 * o) for i, o in itertools.pairwise(back))
        self.join = nn.ModuleList(nn.Linear(2 * width, width) for width in back[1:])
        self.blocks_up = nn.ModuleList(blocks(width) for width in back[1:])
        self.norm = nn.LayerNorm(widths[0], eps=1e-6)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Images in; latents of the first width out."""
        width = config["widths"][0] if config["widths"] else 0
        return Ports(inputs={"raw": Port(modality="image")}, outputs={"latents": Port(width=width)})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """One latent for each pixel, in row-major order, with their grid."""
        x = self.enter(raw * 2 - 1)
        skips = []
        for index, blocks in enumerate(self.blocks_down):
            x = blocks(x if index == 0 else self.down[index - 1](fold(x)))
            skips.append(x)
        for up, join, blocks, skip in zip(self.up, self.join, self.blocks_up, skips[-2::-1], strict=True):
            x = unfold(up(x))[:, : skip.shape[1], : skip.shape[2]]  # `fold` padded odd sides
            x = blocks(join(torch.cat((x, skip), dim=-1)))
        return Latents(self.norm(x).flatten(1, 2), grid=(x.shape[1], x.shape[2]), modality="image")
