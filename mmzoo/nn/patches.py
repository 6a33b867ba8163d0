"""Patches of a picture to channels and back (space to depth; Shi et al., arXiv 1609.05158).

`pixel_unshuffle` for channel-last pictures, with channels in the order (row, column, channel) that stored weights
expect. Torch's order is (channel, row, column), and converting it would take more code than this file.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def fold(x_BHWD: Tensor, patch: int = 2) -> Tensor:
    """`[B, H, W, D]` to `[B, H / patch, W / patch, patch * patch * D]`, zero-padded right and below to full patches."""
    x = F.pad(x_BHWD, (0, 0, 0, -x_BHWD.shape[2] % patch, 0, -x_BHWD.shape[1] % patch))
    b, h, w, d = x.shape
    return x.reshape(b, h // patch, patch, w // patch, patch * d).transpose(2, 3).flatten(3)


def unfold(x_BHWD: Tensor, patch: int = 2) -> Tensor:
    """The inverse of `fold`: `[B, H, W, patch * patch * D]` to `[B, patch * H, patch * W, D]`."""
    b, h, w, d = x_BHWD.shape
    return x_BHWD.reshape(b, h, w, patch, d // patch).transpose(2, 3).reshape(b, patch * h, patch * w, d // patch**2)
