"""Space to depth and back: squares of a picture as channels, without loss (Shi et al., arXiv 1609.05158)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def fold(x_BHWD: Tensor, side: int = 2) -> Tensor:
    """`[B, H, W, D]` to `[B, H / side, W / side, side * side * D]`; zeros at right and below make whole squares."""
    x = F.pad(x_BHWD, (0, 0, 0, -x_BHWD.shape[2] % side, 0, -x_BHWD.shape[1] % side))
    b, h, w, d = x.shape
    return x.reshape(b, h // side, side, w // side, side, d).transpose(2, 3).flatten(3)


def unfold(x_BHWD: Tensor, side: int = 2) -> Tensor:
    """The inverse of `fold`: `[B, H, W, side * side * D]` to `[B, side * H, side * W, D]`."""
    b, h, w, d = x_BHWD.shape
    x = x_BHWD.reshape(b, h, w, side, side, d // side**2).transpose(2, 3)
    return x.reshape(b, side * h, side * w, d // side**2)
