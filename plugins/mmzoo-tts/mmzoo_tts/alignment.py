"""From phones with times to frames, softly: no phone can fall between two frames.

Rounding phone times to whole frames leaves about one phone in a hundred without any frame, a skipped
sound. Here each frame takes each phone by the share of the frame that the phone covers.
"""

from __future__ import annotations

import torch
from torch import Tensor

POSITION_FEATURES = 4


def soft_overlap(ends_BP: Tensor, phone_mask_BP: Tensor, frames_B: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """(weights `[B, N, P]`, frame mask `[B, N]`) for phones that end at `ends` seconds.

    weights[b, n, p] is the fraction of frame n that phone p covers; each real frame's weights sum to 1,
    since the last phone reaches to the end of the last frame. N is the largest of `frames_B`.
    """
    count = int(frames_B.max())
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
    """Where each frame lies in its phone, `[B, N, 4]`: fraction passed, time since its start, time to its
    end, and the phone's length, times in units of 100 ms; averaged over phones by the overlap weights."""
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
