"""Image encoders: convolutional, a vision transformer, and any timm model."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.patches import fold
from mmzoo.nn.sines import grid_sines
from mmzoo.nn.transformer import TransformerBlock


def _picture_ports(width: int) -> Ports:
    return Ports(inputs={"raw": Port(modality="image")}, outputs={"latents": Port(width=width)})


class ConvImageEncoder(ModalityEncoder):
    """Images `[B, H, W, 3]` with values from 0 to 1 to latents `[B, N, widths[-1]]`, by ConvNeXt blocks.

    Args:
        widths: Channels at 1/2, 1/4 ... of the resolution.
        depth: Blocks at each resolution.
        expansion: Hidden width of a block over its width.
        kernel_size: Odd; 7 is much better than 3 on handwriting.
    """

    modality = "image"

    def __init__(
        self,
        *,
        widths: Sequence[Size] = (48, 96, 128),
        depth: Count = 1,
        expansion: Positive = 3.0,
        kernel_size: Size = 7,
    ) -> None:
        super().__init__()
        if not widths:
            raise ConfigError("encoder: widths must name at least one resolution.", path="widths")
        self.down = nn.ModuleList(nn.Linear(4 * i, o) for i, o in itertools.pairwise((3, *widths)))
        self.blocks = nn.ModuleList(
            ConvNeXtStack(width, depth, expansion=expansion, kernel_size=kernel_size, axes=2) for width in widths
        )
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Images in; latents of the last width out."""
        return _picture_ports(config["widths"][-1] if config["widths"] else 0)

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """One latent for each patch of 2 ** len(widths) pixels a side, in row-major order, with their grid."""
        x = raw * 2 - 1
        for down, blocks in zip(self.down, self.blocks, strict=True):
            x = blocks(down(fold(x)))
        return Latents(self.norm(x).flatten(1, 2), grid=(x.shape[1], x.shape[2]), modality="image")


class ViTEncoder(ModalityEncoder):
    """A vision transformer (Dosovitskiy et al., arXiv 2010.11929) with sinusoidal positions.

    Args:
        width: Channels of the latents.
        depth: Transformer blocks.
        heads: Attention heads.
        patch: Pixels of a patch's side; each patch becomes one latent.
    """

    modality = "image"

    def __init__(self, *, width: Size = 128, depth: Count = 4, heads: Size = 4, patch: Size = 4) -> None:
        super().__init__()
        self.patch, self.width = patch, width
        self.embed = nn.Linear(3 * patch * patch, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Images in; latents of width `width` out."""
        return _picture_ports(config["width"])

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Images `[B, H, W, 3]` to latents `[B, N, width]` in row-major order, with their grid."""
        cells = fold(raw * 2 - 1, self.patch)
        grid = (cells.shape[1], cells.shape[2])
        x = self.embed(cells.flatten(1, 2))
        x = x + grid_sines(*grid, self.width, device=x.device).to(x.dtype)
        for block in self.blocks:
            x = block(x)
        return Latents(self.norm(x), grid=grid, modality="image")


class TimmEncoder(ModalityEncoder):
    """Features of any timm image model. Images are normalized as the model expects and keep their size.

    Args:
        model: timm's name.
        pretrained: Initialize with timm's weights. They are downloaded only for fresh parameters, never when stored
            weights are loaded.
        layer: Index into the depths at which timm offers features of this model.
        width: Channels of the latents; None for the model's own.
    """

    modality = "image"

    def __init__(self, *, model: str, pretrained: bool = False, layer: int = -1, width: Size | None = None) -> None:
        super().__init__()
        import timm

        if not timm.is_model(model):
            near = timm.list_models(f"*{model[:8]}*")[:3]
            raise ConfigError(
                f"timm has no model {model!r}"
                + (f"; it has {', '.join(near)}." if near else "; see timm.list_models()."),
                path="model",
            )
        known = timm.create_model(model, pretrained=False, features_only=True).feature_info.channels()
        if not -len(known) <= layer < len(known):
            raise ConfigError(
                f"{model} has features at {len(known)} depths, so layer {layer} is out of range.", path="layer"
            )
        index = layer % len(known)
        fetch = pretrained and not torch.empty(0).is_meta
        self.model = timm.create_model(model, pretrained=fetch, features_only=True, out_indices=(index,))
        self.name, self.channels_first = model, str(getattr(self.model, "output_fmt", "NCHW")).endswith("NCHW")
        data = timm.data.resolve_model_data_config(self.model)
        self.mean, self.std = tuple(data["mean"]), tuple(data["std"])
        self.project = nn.Identity() if width is None else nn.Linear(known[index], width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Images in; latents of `width` channels out (unknown here if it is None)."""
        return Ports(inputs={"raw": Port(modality="image")}, outputs={"latents": Port(width=config["width"])})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Images `[B, H, W, 3]` to latents `[B, N, D]` in row-major order, with their grid."""
        if raw.dim() != 4 or raw.shape[-1] != 3:
            raise InputError(f"An image encoder takes pictures [B, H, W, 3], not {list(raw.shape)}.")
        x = (raw - raw.new_tensor(self.mean)) / raw.new_tensor(self.std)
        try:
            (features,) = self.model(x.permute(0, 3, 1, 2))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"timm's {self.name} cannot take pictures of {raw.shape[1]} x {raw.shape[2]} pixels:"
                f" {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}."
            ) from error
        if self.channels_first:
            features = features.permute(0, 2, 3, 1)
        return Latents(self.project(features.flatten(1, 2)), grid=tuple(features.shape[1:3]), modality="image")
