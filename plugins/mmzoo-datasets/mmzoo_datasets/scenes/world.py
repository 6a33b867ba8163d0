"""Scenes: objects with shape, color, size and cell on a background, sampled with some pairs held out."""

from __future__ import annotations

import random
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "cross", "ring")
COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (40, 90, 235),
    "yellow": (250, 220, 40),
    "white": (245, 245, 245),
    "pink": (240, 90, 200),
}
BACKGROUNDS = {"black": (12, 12, 12), "gray": (112, 112, 112), "brown": (105, 60, 20), "purple": (70, 20, 100)}
SIZES = {"small": 0.1, "large": 0.15}
"""Radius as a fraction of the image's side."""
CELLS = (
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Positions of objects, row by row."""
RELATIONS = {"left of": (0, 1), "right of": (0, -1), "above": (1, 0), "below": (-1, 0)}
"""For each relation of a first object to a second, the sign of (row, column) from the first to the second."""
HELD_OUT = frozenset(zip(SHAPES, ("blue", "yellow", "white", "red", "pink", "green"), strict=True))
"""Pairs of shape and color that no training scene shows."""
JITTER = 0.015
"""Largest offset of an object from the center of its cell, as a fraction of the image's side."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One object.

    Args:
        shape: One of SHAPES.
        colour: One of COLOURS.
        size: One of SIZES.
        cell: Index into CELLS.
        shift: (right, down) from the center of the cell, as fractions of the image's side.
    """

    shape: str
    colour: str
    size: str
    cell: int
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def middle(self) -> tuple[float, float]:
        """(right, down) of its center, as fractions of the image's side."""
        row, column = divmod(self.cell, 3)
        return (column + 0.5) / 3 + self.shift[0], (row + 0.5) / 3 + self.shift[1]


@dataclass(frozen=True, slots=True)
class Scene:
    """A background and objects in different cells, in the order of cells."""

    background: str
    things: tuple[Thing, ...]


def random_scene(chance: random.Random, *, things: int, held_out: bool) -> Scene:
    """A random scene.

    Args:
        chance: Random numbers.
        things: Number of objects.
        held_out: The first object drawn is a held-out pair; the others never are.
    """
    pairs = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    seen = [pair for pair in pairs if pair not in HELD_OUT]
    cells = chance.sample(range(len(CELLS)), things)
    objects = []
    for index, cell in enumerate(cells):
        shape, colour = chance.choice(sorted(HELD_OUT) if held_out and index == 0 else seen)
        shift = (chance.uniform(-JITTER, JITTER), chance.uniform(-JITTER, JITTER))
        objects.append(Thing(shape, colour, chance.choice(sorted(SIZES)), cell, shift))
    return Scene(chance.choice(sorted(BACKGROUNDS)), tuple(sorted(objects, key=lambda thing: thing.cell)))


def relation(first: Thing, second: Thing) -> str | None:
    """Relation of the first to the second object if they share a row or a column, else None."""
    (row, column), (other_row, other_column) = divmod(first.cell, 3), divmod(second.cell, 3)
    if row == other_row:
        return "left of" if column < other_column else "right of"
    if column == other_column:
        return "above" if row < other_row else "below"
    return None
