"""Draws scenes with Pillow, antialiased by drawing at four times the size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmzoo_datasets.scenes.world import BACKGROUNDS, COLOURS, SIZES, Scene, Thing

OVERSAMPLING = 4
Mask = np.ndarray[Any, np.dtype[np.float32]]


def draw(scene: Scene, side: int = 64) -> Any:
    """A Pillow RGB image of `side` x `side` pixels."""
    from PIL import Image, ImageDraw

    large = side * OVERSAMPLING
    image = Image.new("RGB", (large, large), BACKGROUNDS[scene.background])
    pen = ImageDraw.Draw(image)
    for thing in scene.things:
        _thing(pen, thing, large, COLOURS[thing.colour], BACKGROUNDS[scene.background])
    return image.resize((side, side), Image.Resampling.BOX)


def silhouette(thing: Thing, side: int) -> Mask:
    """The fraction of each pixel that an object covers, `[side, side]`."""
    from PIL import Image, ImageDraw

    large = side * OVERSAMPLING
    image = Image.new("L", (large, large), 0)
    _thing(ImageDraw.Draw(image), thing, large, 255, 0)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / np.float32(255)


def _thing(pen: Any, thing: Thing, side: int, ink: Any, paper: Any) -> None:
    x, y = (fraction * side for fraction in thing.middle)
    r = SIZES[thing.size] * side
    if thing.shape in ("circle", "ring"):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
        if thing.shape == "ring":
            hole = 0.55 * r
            pen.ellipse((x - hole, y - hole, x + hole, y + hole), fill=paper)
    elif thing.shape == "square":
        half = 0.9 * r
        pen.rectangle((x - half, y - half, x + half, y + half), fill=ink)
    elif thing.shape == "cross":
        arm = 0.32 * r
        pen.rectangle((x - r, y - arm, x + r, y + arm), fill=ink)
        pen.rectangle((x - arm, y - r, x + arm, y + r), fill=ink)
    elif thing.shape == "triangle":
        pen.polygon([(x, y - r), (x + r, y + 0.85 * r), (x - r, y + 0.85 * r)], fill=ink)
    else:
        points = []
        for k in range(10):
            reach = 1.1 * r if k % 2 == 0 else 0.45 * r
            angle = math.pi * k / 5
            points.append((x + reach * math.sin(angle), y - reach * math.cos(angle)))
        pen.polygon(points, fill=ink)
