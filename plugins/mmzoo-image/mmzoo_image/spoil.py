"""What a picture loses before the model gives it back: a hole, three of four pixels each way, or clean colours.

Pictures are float `[B, H, W, 3]` of 0 to 1. Beside a spoiled picture the model gets hints, `[B, N, 4]`, one row for
each square of pixels: the share of it that is hidden, then which of TASKS is asked for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TASKS = ("inpaint", "upscale", "denoise")
HINTS = 1 + len(TASKS)
FACTOR = 4
"""How many times as wide and high `upscale` makes a picture."""
HOLE_SIDES = (0.2, 0.6)
"""Sides of a training hole, as shares of the picture's."""
NOISE = (0.05, 0.3)
"""Standard deviations of training noise."""
GRAY = 0.5


def hide(pixels: Tensor, mask: Tensor) -> Tensor:
    """Gray where the mask, bool `[B, H, W]`, is True."""
    return pixels.masked_fill(mask.unsqueeze(-1), GRAY)


def shrink(pixels: Tensor) -> Tensor:
    """Means over squares of FACTOR pixels, or what there is of one at the right and below."""
    x = pixels.permute(0, 3, 1, 2)
    return F.avg_pool2d(x, FACTOR, ceil_mode=True, count_include_pad=False).permute(0, 2, 3, 1)


def enlarge(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """To (height, width) by cubic interpolation."""
    found = F.interpolate(pixels.permute(0, 3, 1, 2), size=size, mode="bicubic", antialias=False)
    return found.permute(0, 2, 3, 1).clamp(0, 1)


def hints(task: str, count: int, grid: tuple[int, int], square: int, mask: Tensor | None = None) -> Tensor:
    """Hints `[B, N, 4]` for `count` pictures on a grid of squares; mask: what is hidden, bool `[B, H, W]`."""
    found = torch.zeros(count, grid[0] * grid[1], HINTS)
    found[..., 1 + TASKS.index(task)] = 1
    if mask is not None:
        found[..., 0] = _shares(mask, grid, square)
    return found


def _shares(mask: Tensor, grid: tuple[int, int], square: int) -> Tensor:
    """The share of each square that is hidden, `[B, N]`; what lies beyond the picture is not."""
    right, below = grid[1] * square - mask.shape[2], grid[0] * square - mask.shape[1]
    padded = F.pad(mask.float(), (0, right, 0, below))
    return F.avg_pool2d(padded.unsqueeze(1), square).flatten(1)


def holes(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A rectangle of random size about a random pixel for each picture, cut off at the edges; bool `[B, H, W]`."""
    low, high = HOLE_SIDES
    draws = torch.rand(count, 4, generator=generator)
    tall, wide = (low + (high - low) * draws[:, i] for i in (0, 1))
    top, left = draws[:, 2] - tall / 2, draws[:, 3] - wide / 2
    down = torch.arange(height).view(1, -1, 1) / height
    across = torch.arange(width).view(1, 1, -1) / width

    def within(at: Tensor, start: Tensor, length: Tensor) -> Tensor:
        return (at >= start.view(-1, 1, 1)) & (at < (start + length).view(-1, 1, 1))

    return within(down, top, tall) & within(across, left, wide)


def spoil(task: str, pixels: Tensor, square: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Training pictures spoiled at random for a task, and their hints; draws are made on the CPU."""
    count, height, width = pixels.shape[:3]
    grid = (-(-height // square), -(-width // square))
    mask = None
    if task == "inpaint":
        mask = holes(count, height, width, generator)
        pixels = hide(pixels, mask.to(pixels.device))
    elif task == "upscale":
        pixels = enlarge(shrink(pixels), (height, width))
    else:
        low, high = NOISE
        strength = low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)
        noise = strength * torch.randn(pixels.shape, generator=generator)
        pixels = (pixels + noise.to(pixels.device)).clamp(0, 1)
    return pixels, hints(task, count, grid, square, mask).to(pixels.device)
