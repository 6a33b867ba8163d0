"""ConvNeXt blocks over sequences and pictures, channel-last and mask-aware.

Liu et al., "A ConvNet for the 2020s", arXiv 2201.03545; the 1-D version follows Vocos, arXiv 2306.00814.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DepthwiseConv1d(nn.Module):
    """Depthwise convolution of `[B, N, D]` along N; positions outside the mask count as zero padding.

    It runs as a 2-D convolution on a channels-last view, which needs no transposed copy and is several times faster
    than `conv1d` on a CPU.
    """

    axes: ClassVar[int] = 1

    def __init__(self, dim: int, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size % 2 != 1:
            raise ValueError(f"kernel_size must be odd, not {kernel_size}.")
        kernel = (kernel_size, kernel_size) if self.axes == 2 else (1, kernel_size)
        self.weight = nn.Parameter(torch.empty(dim, 1, *kernel))
        self.bias = nn.Parameter(torch.empty(dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal weights with unit gain; zero bias."""
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` with mask `[B, N]` (2-D: `[B, H, W, D]` with mask `[B, H, W]`) to the same shape."""
        if mask is not None:
            x = x * mask.unsqueeze(-1)
        x_BHWD = x if self.axes == 2 else x.unsqueeze(1)
        channels, _, *kernel = self.weight.shape
        padding = tuple(size // 2 for size in kernel)
        out = F.conv2d(x_BHWD.permute(0, 3, 1, 2), self.weight, self.bias, padding=padding, groups=channels)
        out_BHWD = out.permute(0, 2, 3, 1)
        return out_BHWD if self.axes == 2 else out_BHWD.squeeze(1)


class DepthwiseConv2d(DepthwiseConv1d):
    """The same for pictures `[B, H, W, D]`, over both axes."""

    axes = 2


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, LayerNorm, two linear layers with GELU, scaled residual.

    Args:
        dim: Channels D.
        hidden: Width between the linear layers.
        kernel_size: Size of the convolution, odd.
        layer_scale: Initial scale of the residual branch.
        axes: 1 for sequences `[B, N, D]`, 2 for pictures `[B, H, W, D]`.
    """

    def __init__(
        self, dim: int, hidden: int, *, kernel_size: int = 7, layer_scale: float = 0.125, axes: int = 1
    ) -> None:
        super().__init__()
        self.mix = DepthwiseConv1d(dim, kernel_size) if axes == 1 else DepthwiseConv2d(dim, kernel_size)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.scale = nn.Parameter(torch.empty(dim))
        self.layer_scale = layer_scale
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the scale of the residual branch to `layer_scale`."""
        nn.init.constant_(self.scale, self.layer_scale)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` or `[B, H, W, D]` to the same shape; mask `[B, N]` or `[B, H, W]`."""
        y = self.norm(self.mix(x, mask))
        y = self.down(F.gelu(self.up(y), approximate="tanh"))
        return torch.addcmul(x, y, self.scale.to(y.dtype))


class ConvNeXtStack(nn.Module):
    """`depth` ConvNeXt blocks in sequence."""

    def __init__(self, dim: int, depth: int, *, expansion: float = 3.0, kernel_size: int = 7, axes: int = 1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(dim, int(dim * expansion), kernel_size=kernel_size, layer_scale=1 / max(depth, 1), axes=axes)
            for _ in range(depth)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` or `[B, H, W, D]` to the same shape."""
        for block in self.blocks:
            x = block(x, mask)
        return x
