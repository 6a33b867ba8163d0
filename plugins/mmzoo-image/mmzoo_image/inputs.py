"""Checks on the arguments of drawing and editing. Each raises InputError with what was expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import as_image
from mmzoo.errors import InputError

LARGEST_SIDE = 1024


def check_sampling(steps: int, guidance: float, seed: int) -> None:
    """Require at least 1 step, a guidance scale from 0 to 100, and a seed below 2 ** 62 (picture i uses seed + i)."""
    if not _is_int(steps) or steps < 1:
        raise InputError(f"steps must be an integer of at least 1, not {steps!r}.")
    if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= 100:
        raise InputError(f"guidance must be a number from 0 to 100, not {guidance!r}; 1 turns it off.")
    if not _is_int(seed) or not 0 <= seed < 2**62:
        raise InputError(f"seed must be an integer from 0 to 2 ** 62 - 1, not {seed!r}.")


def check_size(size: Any) -> None:
    """Require (height, width), each from 1 to LARGEST_SIDE pixels."""
    sides = tuple(size) if isinstance(size, Sequence) else ()
    if len(sides) != 2 or not all(_is_int(side) and 1 <= side <= LARGEST_SIDE for side in sides):
        raise InputError(f"size must be (height, width), integers from 1 to {LARGEST_SIDE} pixels, not {size!r}.")


def check_prompts(prompts: Any, count: int) -> None:
    """Require a list with one prompt per picture."""
    strings = isinstance(prompts, list | tuple) and all(isinstance(prompt, str) for prompt in prompts)
    if not strings or len(prompts) != count:
        raise InputError(f"Editing {count} pictures takes a list of as many prompts, or None.")


def stack_pictures(pictures: Any) -> Tensor:
    """Pictures of equal size to float `[B, H, W, 3]` in [0, 1]."""
    if not isinstance(pictures, list | tuple) or not pictures:
        raise InputError("Editing takes a non-empty list of pictures.")
    pixels = [as_image(picture).pixels for picture in pictures]
    if len({one.shape for one in pixels}) > 1:
        raise InputError("All pictures in a call must have the same size; edit different sizes in separate calls.")
    check_size(pixels[0].shape[:2])
    return torch.from_numpy(np.stack(pixels)).float() / 255


def stack_masks(masks: Any, count: int, size: tuple[int, int]) -> Tensor:
    """One mask per picture, each `[H, W]`, to bool `[B, H, W]`."""
    if not isinstance(masks, list | tuple):
        raise InputError("masks must be a list of arrays [height, width], one per picture, True where hidden.")
    hidden = [np.asarray(mask, dtype=bool) for mask in masks]
    if len(hidden) != count or any(mask.shape != size for mask in hidden):
        raise InputError(
            f"inpaint got {count} pictures of {size[0]} x {size[1]} and masks of"
            f" {', '.join(str(list(mask.shape)) for mask in hidden) or 'nothing'}; give one [height, width] each."
        )
    return torch.from_numpy(np.stack(hidden))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
