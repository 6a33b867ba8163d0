"""Reads a drawn scene by rule, without learning, to judge the pictures that models draw.

Background: the background color nearest to the median of the picture's edge. A cell holds an object if enough of its
pixels are far from the background. Color: the named color nearest to the median of the pixels that the object covers
fully. Shape and size: the silhouette that fits the cell's coverage best, over small shifts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mmzoo.errors import InputError
from mmzoo_datasets.scenes.draw import silhouette
from mmzoo_datasets.scenes.world import BACKGROUNDS, COLOURS, SHAPES, SIZES, Scene, Thing

Pixels = np.ndarray[Any, np.dtype[np.float32]]
SHIFTS = (-0.02, -0.01, 0.0, 0.01, 0.02)
LEAST_COVERAGE = 0.04
"""A cell is empty if less than this fraction of its area is covered."""


def read(image: Any) -> Scene:
    """The scene in a square RGB picture.

    Args:
        image: A Pillow image, or an array `[side, side, 3]` of values from 0 to 255.

    Returns:
        The scene; shifts are quantized to SHIFTS. It may have no objects.

    Raises:
        InputError: The picture has another shape, or a side below 24 pixels.
    """
    pixels = np.asarray(image.convert("RGB") if hasattr(image, "convert") else image, dtype=np.float32)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.shape[0] != pixels.shape[1] or len(pixels) < 24:
        raise InputError(
            f"The scene reader takes a square RGB picture of at least 24 pixels, not {list(pixels.shape)}."
        )
    background = _background(pixels)
    cells = (_read_cell(pixels, cell, BACKGROUNDS[background]) for cell in range(9))
    return Scene(background, tuple(thing for thing in cells if thing is not None))


def _background(pixels: Pixels) -> str:
    edge = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    return _nearest(np.median(edge, axis=0), BACKGROUNDS)


def _nearest(color: Pixels, names: dict[str, tuple[int, int, int]]) -> str:
    return min(names, key=lambda name: float(np.square(color - np.array(names[name], np.float32)).sum()))


def _span(cell: int, side: int) -> tuple[slice, slice]:
    row, column = divmod(cell, 3)
    edges = [round(k * side / 3) for k in range(4)]
    return slice(edges[row], edges[row + 1]), slice(edges[column], edges[column + 1])


def _read_cell(pixels: Pixels, cell: int, paper: tuple[int, int, int]) -> Thing | None:
    span = _span(cell, len(pixels))
    piece = pixels[span] - np.array(paper, np.float32)
    distance = np.sqrt(np.square(piece).sum(-1))
    if float((distance > 40).mean()) < LEAST_COVERAGE:
        return None
    # The pixels that differ most are fully covered; their median is the object's color.
    covered = distance >= 0.8 * np.quantile(distance, 0.97)
    ink = _nearest(np.median(pixels[span][covered], axis=0), COLOURS)
    direction = np.array(COLOURS[ink], np.float32) - np.array(paper, np.float32)
    coverage = np.clip(piece @ direction / float(direction @ direction), 0, 1)
    names, shapes = _silhouettes(cell, len(pixels))
    errors = np.square(shapes - coverage.ravel()).sum(1)
    shape, size, shift = names[int(np.argmin(errors))]
    return Thing(shape, ink, size, cell, shift)


@lru_cache(maxsize=64)
def _silhouettes(cell: int, side: int) -> tuple[list[tuple[str, str, tuple[float, float]]], Pixels]:
    """Every shape, size and shift in a cell, and the coverage of the cell's pixels, `[K, pixels]`."""
    names = [(shape, size, (x, y)) for shape in SHAPES for size in SIZES for x in SHIFTS for y in SHIFTS]
    span = _span(cell, side)
    masks = [silhouette(Thing(shape, "red", size, cell, shift), side)[span].ravel() for shape, size, shift in names]
    return names, np.stack(masks)
