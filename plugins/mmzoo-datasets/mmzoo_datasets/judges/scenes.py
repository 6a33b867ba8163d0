"""The judge `scene-reader`: reads drawn scenes by rule and compares them with labels, captions and descriptions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmzoo.evaluation.words import ErrorRate
from mmzoo.interfaces import Image
from mmzoo_datasets.scenes.captions import agreement, retelling, understand
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.spoken import scene_of
from mmzoo_datasets.scenes.world import Scene

ATTRIBUTES = ("background", "position", "colour", "shape", "size")


class SceneReader:
    """Reads scenes without learning. Labels are those of `spoken-scenes`."""

    name = "scene reader by rule"

    def errors(self, labels: Sequence[str], pictures: Sequence[Image]) -> dict[str, ErrorRate]:
        """For each attribute, the error rate of the pictures against the labeled scenes."""
        return attribute_errors([scene_of(label) for label in labels], [read(picture.pixels) for picture in pictures])

    def as_told(self, captions: Sequence[str], pictures: Sequence[Image]) -> list[dict[str, list[bool]]]:
        """For each caption, whether its picture agrees with each attribute that the caption mentions."""
        return [
            agreement(understand(text), read(picture.pixels)) for text, picture in zip(captions, pictures, strict=True)
        ]

    def retold(self, labels: Sequence[str], texts: Sequence[str]) -> list[dict[str, list[bool]]]:
        """For each labeled scene, whether the text states each of its attributes correctly."""
        return [retelling(scene_of(label), understand(text)) for label, text in zip(labels, texts, strict=True)]


def attribute_errors(true: Sequence[Scene], read: Sequence[Scene]) -> dict[str, ErrorRate]:
    """For each attribute, the errors of each scene.

    A missing object counts as wrong in position, color, shape and size; an extra one, in position.
    """
    counts: dict[str, list[tuple[int, int, int, int]]] = {name: [] for name in ATTRIBUTES}
    for scene, seen in zip(true, read, strict=True):
        by_cell = {thing.cell: thing for thing in seen.things}
        extra = len(by_cell.keys() - {thing.cell for thing in scene.things})
        pairs = [(thing, by_cell.get(thing.cell)) for thing in scene.things]
        missing = sum(other is None for _, other in pairs)
        counts["background"].append((int(scene.background != seen.background), 0, 0, 1))
        counts["position"].append((0, missing, extra, len(pairs)))
        for name in ("colour", "shape", "size"):
            wrong = sum(other is None or getattr(thing, name) != getattr(other, name) for thing, other in pairs)
            counts[name].append((wrong, 0, 0, len(pairs)))
    return {name: ErrorRate(np.array(rows, np.int64).reshape(-1, 4)) for name, rows in counts.items()}
