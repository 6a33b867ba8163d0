"""A convolutional picture autoencoder: ConvNeXt blocks with space-to-depth downsampling and pixel-shuffle upsampling.

Unlike strided and transposed convolutions, moving pixels into channels (Shi et al., arXiv 1609.05158) loses no
information and causes no checkerboard artifacts.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.patches import fold, unfold


class PictureAutoencoder(ModalityEncoder):
    """RGB pictures `[B, H, W, 3]` in [0, 1] to latents `[B, N, dim]`, one per patch of side 2 ** len(widths), and back.

    Pictures whose sides are not multiples of the patch are padded by replicating the edge pixels.

    Args:
        dim: Width of the latents.
        widths: Channels at a half, a quarter, an eighth ... of the resolution.
        depth: ConvNeXt blocks per resolution, in the encoder and in the decoder.
        expansion: Expansion ratio of the blocks' MLPs.
    """

    modality = "image"

    def __init__(
        self, *, dim: Size, widths: Sequence[Size] = (64, 128, 192), depth: Count = 2, expansion: Positive = 3.0
    ) -> None:
        super().__init__()
        if not widths:
            raise ConfigTypeError("encoder: widths must have at least one entry.", path="widths")
        self.patch: int = 2 ** len(widths)
        self.fold_in = nn.ModuleList(nn.Linear(4 * i, o) for i, o in itertools.pairwise((3, *widths)))
        self.blocks_in = nn.ModuleList(_blocks(width, depth, expansion) for width in widths)
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.to_latent = nn.Linear(widths[-1], dim)
        back = tuple(reversed(widths))
        self.from_latent = nn.Linear(dim, back[0])
        self.blocks_out = nn.ModuleList(_blocks(width, depth, expansion) for width in back)
        self.unfold_out = nn.ModuleList(nn.Linear(i, 4 * o) for i, o in itertools.pairwise((*back, 3)))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Pictures in; latents of width `dim` out, and the same back."""
        picture, latent = Port(modality="image"), Port(width=config["dim"])
        return Ports(inputs={"raw": picture, "z": latent}, outputs={"latents": latent, "raw": picture})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Pictures `[B, H, W, 3]` to latents `[B, N, dim]` in row-major order, with their grid; the mask is ignored."""
        x = self._pad(raw) * 2 - 1
        for into, blocks in zip(self.fold_in, self.blocks_in, strict=True):
            x = blocks(into(fold(x)))
        x = self.to_latent(self.norm(x))
        return Latents(x.flatten(1, 2).float(), grid=(x.shape[1], x.shape[2]), modality="image")

    def _pad(self, raw: Tensor) -> Tensor:
        right, bottom = -raw.shape[2] % self.patch, -raw.shape[1] % self.patch
        if not (right or bottom):
            return raw
        return F.pad(raw.permute(0, 3, 1, 2), (0, right, 0, bottom), mode="replicate").permute(0, 2, 3, 1)

    def decode(self, latents: Latents) -> Tensor:
        """Latents with a grid to pictures `[B, H, W, 3]`, padding included, roughly in [0, 1] but not clamped."""
        height, width = self.grid_of(latents)
        x = self.from_latent(latents.x).unflatten(1, (height, width))
        for blocks, out in zip(self.blocks_out, self.unfold_out, strict=True):
            x = unfold(out(blocks(x)))
        pixels: Tensor = (x.float() + 1) / 2
        return pixels

    @staticmethod
    def grid_of(latents: Latents) -> tuple[int, int]:
        """Rows and columns, by default those of a square picture. Raises ValueError if it cannot be square."""
        if latents.grid is not None:
            return latents.grid
        side = round(latents.x.shape[1] ** 0.5)
        if side * side != latents.x.shape[1]:
            raise ValueError(f"{latents.x.shape[1]} latents do not form a square picture, and no grid was given.")
        return side, side


def _blocks(width: int, depth: int, expansion: float) -> ConvNeXtStack:
    return ConvNeXtStack(width, depth, expansion=expansion, kernel_size=3, axes=2)
