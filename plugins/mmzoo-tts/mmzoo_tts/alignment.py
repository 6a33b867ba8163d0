"""Soft alignment of phones with latent frames.

Rounding phone times to whole frames would leave about one phone in a hundred without a frame, and so silent. Here a
frame is the average of the phones it overlaps, weighted by overlap, so that every phone counts.
"""

from __future__ import annotations

import torch
from torch import Tensor

POSITION_FEATURES = 4


def soft_overlap(
    ends_BP: Tensor, phone_mask_BP: Tensor, frames_B: Tensor, rate: float, count: int | None = None
) -> tuple[Tensor, Tensor]:
    """The fraction of each frame that each phone covers.

    The last phone is extended to the end of the last frame, so the weights of every real frame sum to 1.

    Args:
        ends_BP: End of each phone, in seconds.
        phone_mask_BP: True for real phones.
        frames_B: Number of frames of each item; N is the largest.
        rate: Frames per second.
        count: N, for a graph, which cannot read it from `frames_B`.

    Returns:
        Weights `[B, N, P]` and the frame mask `[B, N]`.
    """
    count = int(frames_B.max()) if count is None else count
    ends = ends_BP * rate
    last = phone_mask_BP.sum(1, keepdim=True) - 1
    ends = ends.scatter(1, last, torch.maximum(ends.gather(1, last), frames_B.unsqueeze(1).to(ends.dtype)))
    starts = torch.cat((torch.zeros_like(ends[:, :1]), ends[:, :-1]), dim=1)
    frame = torch.arange(count, device=ends.device, dtype=ends.dtype).view(1, count, 1)
    overlap = torch.minimum(ends.unsqueeze(1), frame + 1) - torch.maximum(starts.unsqueeze(1), frame)
    weights = overlap.clamp_min(0) * phone_mask_BP.unsqueeze(1)
    mask = torch.arange(count, device=ends.device) < frames_B.unsqueeze(1)
    return weights * mask.unsqueeze(-1), mask


def position_features(ends_BP: Tensor, weights_BNP: Tensor, rate: float) -> Tensor:
    """The position of each frame in its phone.

    Args:
        ends_BP: End of each phone, in seconds.
        weights_BNP: Overlap weights of `soft_overlap`.
        rate: Frames per second.

    Returns:
        `[B, N, 4]`: fraction of the phone that has passed, time since its start, time to its end, and its length, in
        units of 100 ms, averaged over phones by their weights.
    """
    starts = torch.cat((torch.zeros_like(ends_BP[:, :1]), ends_BP[:, :-1]), dim=1)
    length = (ends_BP - starts).clamp_min(1e-3)
    middle = (torch.arange(weights_BNP.shape[1], device=ends_BP.device, dtype=ends_BP.dtype) + 0.5) / rate
    since = middle.view(1, -1, 1) - starts.unsqueeze(1)
    passed = (since / length.unsqueeze(1)).clamp(0, 1)
    features = torch.stack(
        (
            passed,
            since.clamp(-0.1, 1.0) * 10,
            (length.unsqueeze(1) - since).clamp(-0.1, 1.0) * 10,
            length.clamp_max(1.0).unsqueeze(1).expand_as(since) * 10,
        ),
        dim=-1,
    )
    return (features * weights_BNP.unsqueeze(-1)).sum(2)
