"""A critic of pictures: tells real ones from those that a model makes, so that the model learns from it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Critic, Size


class AcmePart(Critic):
    """Two convolutions that score every patch of a picture (Isola et al., arXiv 1611.07004, section 3.2.2).

    The keyword-only, typed arguments are the config, which a training recipe may set.

    Args:
        width: Channels between the convolutions.
    """

    modality = "image"

    def __init__(self, *, width: Size = 32) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.score = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        """Pictures `[B, H, W, 3]` to one scale: a feature map and the scores, which are higher for real pictures."""
        seen = F.leaky_relu(self.look(raw.permute(0, 3, 1, 2)), 0.2)
        return [[seen, self.score(seen)]]
