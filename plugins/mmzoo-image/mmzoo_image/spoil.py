"""Degradations that the model learns to undo: a hole, a quarter of the resolution, or noise.

Pictures are float `[B, H, W, 3]` in [0, 1]. With a degraded picture the model gets hints `[B, N, 4]`, one row per
patch: the fraction of its pixels that is hidden, then a one-hot code of the task.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TASKS = ("inpaint", "upscale", "denoise")
HINTS = 1 + len(TASKS)
FACTOR = 4
"""Factor by which `upscale` enlarges width and height."""
HOLE_SIDES = (0.2, 0.6)
"""Range of the sides of a training hole, as a fraction of the picture's."""
NOISE = (0.05, 0.3)
"""Range of the std of training noise."""
GRAY = 0.5


def hide(pixels: Tensor, mask: Tensor) -> Tensor:
    """Fill with gray where the mask, bool `[B, H, W]`, is True."""
    return pixels.masked_fill(mask.unsqueeze(-1), GRAY)


def shrink(pixels: Tensor) -> Tensor:
    """Average over FACTOR x FACTOR pixels, or over what remains of them at the right and bottom edges."""
    x = pixels.permute(0, 3, 1, 2)
    return F.avg_pool2d(x, FACTOR, ceil_mode=True, count_include_pad=False).permute(0, 2, 3, 1)


def enlarge(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize to (height, width) by bicubic interpolation."""
    x = F.interpolate(pixels.permute(0, 3, 1, 2), size=size, mode="bicubic", antialias=False)
    return x.permute(0, 2, 3, 1).clamp(0, 1)


def hints(task: str, count: int, grid: tuple[int, int], patch: int, mask: Tensor | None = None) -> Tensor:
    """Hints for a batch.

    Args:
        task: One of TASKS.
        count: Number of pictures, B.
        grid: Rows and columns of patches.
        patch: Side of a patch in pixels.
        mask: What is hidden, bool `[B, H, W]`; None for nothing.

    Returns:
        `[B, N, 4]`.
    """
    result = torch.zeros(count, grid[0] * grid[1], HINTS)
    result[..., 1 + TASKS.index(task)] = 1
    if mask is not None:
        result[..., 0] = _hidden_fractions(mask, grid, patch)
    return result


def _hidden_fractions(mask: Tensor, grid: tuple[int, int], patch: int) -> Tensor:
    """The fraction of each patch that is hidden, `[B, N]`; pixels beyond the picture count as visible."""
    right, bottom = grid[1] * patch - mask.shape[2], grid[0] * patch - mask.shape[1]
    padded = F.pad(mask.float(), (0, right, 0, bottom))
    return F.avg_pool2d(padded.unsqueeze(1), patch).flatten(1)


def holes(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A rectangle of random size around a random pixel per picture, clipped at the edges; bool `[B, H, W]`."""
    low, high = HOLE_SIDES
    draws = torch.rand(count, 4, generator=generator)
    tall, wide = (low + (high - low) * draws[:, i] for i in (0, 1))
    top, left = draws[:, 2] - tall / 2, draws[:, 3] - wide / 2
    down = torch.arange(height).view(1, -1, 1) / height
    across = torch.arange(width).view(1, 1, -1) / width

    def within(at: Tensor, start: Tensor, length: Tensor) -> Tensor:
        return (at >= start.view(-1, 1, 1)) & (at < (start + length).view(-1, 1, 1))

    return within(down, top, tall) & within(across, left, wide)


def spoil(task: str, pixels: Tensor, patch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Degrade training pictures at random for a task.

    Args:
        task: One of TASKS.
        pixels: `[B, H, W, 3]` in [0, 1].
        patch: Side of a patch in pixels.
        generator: A CPU generator.

    Returns:
        Degraded pictures `[B, H, W, 3]` and their hints `[B, N, 4]`.
    """
    count, height, width = pixels.shape[:3]
    grid = (-(-height // patch), -(-width // patch))
    mask = None
    if task == "inpaint":
        mask = holes(count, height, width, generator)
        pixels = hide(pixels, mask.to(pixels.device))
    elif task == "upscale":
        pixels = enlarge(shrink(pixels), (height, width))
    else:
        low, high = NOISE
        std = low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)
        noise = std * torch.randn(pixels.shape, generator=generator)
        pixels = (pixels + noise.to(pixels.device)).clamp(0, 1)
    return pixels, hints(task, count, grid, patch, mask).to(pixels.device)
