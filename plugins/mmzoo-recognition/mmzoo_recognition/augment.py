"""Data augmentation: moves images, adds noise to speech, drops letters of texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

TURN, SHIFT, SCALE = math.radians(10), 0.12, 0.12
"""Largest rotation in radians, shift as a fraction of half a side, and relative change of scale."""
SNR_DB = (0.0, 40.0)
NOISY = 0.5
"""Probability that noise is added to an utterance."""
LOST_LETTERS = 0.1
"""Probability that a letter is dropped."""


def augmented(batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Augment every modality of a batch of `mmzoo_recognition.examples`; random numbers are drawn on the CPU."""
    out = dict(batch)
    if "image" in batch:
        out["image"] = moved(batch["image"].float() / 255, generator)
    if "speech" in batch:
        out["speech"] = noisy(batch["speech"], batch["speech_mask"], generator)
    if "text" in batch:
        out["text_mask"] = thinned(batch["text_mask"], generator)
    return out


def moved(pixels_BHWC: Tensor, generator: torch.Generator) -> Tensor:
    """Randomly rotate, shift and scale images `[B, H, W, 3]`; pixels beyond the border repeat it."""
    return _sampled(pixels_BHWC, _places(pixels_BHWC.shape, generator), "bilinear")


def moved_with_classes(pixels_BHWC: Tensor, classes_BHW: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """As `moved`, and the class of each pixel moved with it."""
    places = _places(pixels_BHWC.shape, generator)
    classes = _sampled(classes_BHW.unsqueeze(-1).float(), places, "nearest").squeeze(-1)
    return _sampled(pixels_BHWC, places, "bilinear"), classes.to(classes_BHW.dtype)


def _places(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Where each pixel of a randomly moved batch `[B, H, W, C]` comes from, `[B, H, W, 2]`."""
    count, height, width, _ = shape
    angle, scale, right, down = (2 * torch.rand(4, count, generator=generator) - 1).unbind(0)
    angle, scale = angle * TURN, 1 + scale * SCALE
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack((cosine, -sine, right * SHIFT, sine, cosine, down * SHIFT), dim=1).view(-1, 2, 3)
    return F.affine_grid(rows, [count, 1, height, width], align_corners=False)


def _sampled(x_BHWC: Tensor, places: Tensor, mode: str) -> Tensor:
    x = x_BHWC.permute(0, 3, 1, 2)
    out = F.grid_sample(x, places.to(x.device), mode=mode, padding_mode="border", align_corners=False)
    return out.permute(0, 2, 3, 1)


def noisy(samples_BT: Tensor, mask_BT: Tensor, generator: torch.Generator) -> Tensor:
    """Add white noise to about half of the utterances `[B, T]`, at a random signal-to-noise ratio."""
    count = len(samples_BT)
    low, high = SNR_DB
    ratio = low + (high - low) * torch.rand(count, 1, generator=generator)
    chosen = torch.rand(count, 1, generator=generator) < NOISY
    noise = torch.randn(samples_BT.shape, generator=generator).to(samples_BT.device) * mask_BT
    power = (samples_BT.square() * mask_BT).sum(1, keepdim=True) / mask_BT.sum(1, keepdim=True)
    level = torch.where(chosen, 10 ** (-ratio / 20), 0.0).to(samples_BT.device) * power.sqrt()
    return samples_BT + level * noise


def thinned(mask_BN: Tensor, generator: torch.Generator) -> Tensor:
    """Mask random letters `[B, N]`, but never all of a text."""
    kept = mask_BN & (torch.rand(mask_BN.shape, generator=generator) >= LOST_LETTERS).to(mask_BN.device)
    return torch.where(kept.any(1, keepdim=True), kept, mask_BN)
