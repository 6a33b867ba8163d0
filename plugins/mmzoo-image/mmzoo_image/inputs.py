"""Checks on the arguments of drawing and editing. Each raises InputError with what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import as_batch, as_image, as_mask, as_text
from mmzoo.errors import InputError
from mmzoo.interfaces.options import integer, number, seed_of

LARGEST_SIDE = 1024
GUIDANCE = (0, 100)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Checked options of sampling.

    Args:
        steps: Sampling steps; None for the default of the task.
        guidance: Scale of classifier-free guidance, 1 for none.
        interval: Times in [0, 1] between which guidance applies.
        seed: Seed of the first picture's noise; picture i uses seed + i.
        drawn: Whether the seed was drawn, so that the results must report it.
    """

    steps: int | None
    guidance: float
    interval: tuple[float, float]
    seed: int
    drawn: bool


def checked_sampling(steps: Any, guidance: Any, interval: Any, seed: Any) -> Sampling:
    """Steps from 1 or None, a guidance scale from 0 to 100, two times from 0 to 1, and a seed below 2 ** 62 or None."""
    times = [number("interval", time, 0, 1) for time in _items(interval)]
    if len(times) != 2:
        raise InputError(f"interval must be two times from 0 to 1, not {interval!r}.")
    value, drawn = seed_of(seed)
    return Sampling(
        None if steps is None else integer("steps", steps, 1),
        number("guidance", guidance, *GUIDANCE),
        (times[0], times[1]),
        value,
        drawn,
    )


def checked_size(size: Any) -> tuple[int, int]:
    """(height, width), each from 1 to LARGEST_SIDE pixels."""
    sides = [integer("size: height and width", side, 1, LARGEST_SIDE) for side in _items(size)]
    if len(sides) != 2:
        raise InputError(f"size must be (height, width), integers from 1 to {LARGEST_SIDE} pixels, not {size!r}.")
    return sides[0], sides[1]


def _items(given: Any) -> list[Any]:
    """The items of a tuple, list or 1-D array; none of anything else."""
    listed = isinstance(given, Iterable) and not isinstance(given, str | bytes) and getattr(given, "shape", 0) != ()
    return list(given) if listed else []


def checked_prompts(prompts: Any, count: int) -> list[str]:
    """One prompt for each picture."""
    texts = as_batch(prompts)
    if texts is None or len(texts) != count:
        raise InputError(f"Editing {count} pictures takes a list of as many prompts, or None.")
    return [as_text(text, "Each of the prompts") for text in texts]


def stack_pictures(pictures: Any) -> Tensor:
    """Pictures of equal size to float `[B, H, W, 3]` in [0, 1]."""
    items = as_batch(pictures)
    if not items:
        raise InputError("Editing takes a non-empty list of pictures.")
    pixels = [as_image(picture).pixels for picture in items]
    if len({one.shape for one in pixels}) > 1:
        raise InputError("All pictures in a call must have the same size; edit different sizes in separate calls.")
    checked_size(pixels[0].shape[:2])
    return torch.from_numpy(np.stack(pixels)).float() / 255


def stack_masks(masks: Any, count: int, size: tuple[int, int]) -> Tensor:
    """One mask per picture, each `[H, W]`, to float `[B, H, W]` from 0 to 1."""
    items = as_batch(masks)
    if items is None:
        raise InputError("masks must be a list with a mask for each picture, white or True where to redraw.")
    weights = [as_mask(mask) for mask in items]
    if len(weights) != count or any(mask.shape != size for mask in weights):
        raise InputError(
            f"inpaint got {count} pictures of {size[0]} x {size[1]} and masks of"
            f" {', '.join(str(list(mask.shape)) for mask in weights) or 'nothing'}; give one [height, width] each."
        )
    return torch.from_numpy(np.stack(weights))


def blended(old: Array, new: Array, weight: Array) -> Array:
    """Pixels `[H, W, 3]` of `new` where the weight `[H, W]` is 1, of `old` where it is 0, else a mixture."""
    mixed: Array = old + weight[..., None] * (new.astype(np.float32) - old)
    return np.round(mixed).astype(np.uint8)


def unknown_note(words: Sequence[str]) -> tuple[str, ...]:
    """The note about words of a prompt that were ignored."""
    return (f"ignored words that the model does not know: {', '.join(words)}",) if words else ()
