"""The judge of pictures: what it counts as an error, and how well it reads what is true."""

import random
from dataclasses import replace

import numpy as np
import pytest
from mmzoo_datasets.digits import handwritten, split_indices
from mmzoo_datasets.picture_judge import ATTRIBUTES, attribute_errors, read_digits
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.world import Scene, random_scene

from mmzoo.interfaces import Image


def scene(count=2, seed=0):
    return random_scene(random.Random(seed), things=count, held_out=False)


def rates(shown, seen):
    return {name: found.rate for name, found in attribute_errors([shown], [seen]).items()}


def test_every_attribute_is_counted_by_itself():
    shown = scene()
    first, second = shown.things
    assert rates(shown, shown) == dict.fromkeys(ATTRIBUTES, 0)
    other = {"colour": "red" if first.colour != "red" else "blue", "shape": "ring" if first.shape != "ring" else "star"}
    for name, value in other.items():
        found = rates(shown, replace(shown, things=(replace(first, **{name: value}), second)))
        assert found == dict.fromkeys(ATTRIBUTES, 0) | {name: 0.5}
    assert rates(shown, replace(shown, background="none"))["background"] == 1
    missing = rates(shown, replace(shown, things=(second,)))
    assert missing == {"background": 0, "position": 0.5, "colour": 0.5, "shape": 0.5, "size": 0.5}
    free = next(cell for cell in range(9) if cell not in (first.cell, second.cell))
    extra = rates(shown, replace(shown, things=(*shown.things, replace(first, cell=free))))
    assert extra == dict.fromkeys(ATTRIBUTES, 0) | {"position": 0.5}
    assert rates(shown, Scene(shown.background, ()))["shape"] == 1


def test_true_scenes_are_read_right():
    shown = [scene(1 + seed % 3, seed) for seed in range(60)]
    found = attribute_errors(shown, [read(draw(one)) for one in shown])
    assert max(rate.rate for rate in found.values()) <= 0.01


def test_true_digits_are_read_right_at_any_size():
    pytest.importorskip("sklearn")
    pixels, digits = handwritten()
    chosen = split_indices("test")

    def shown(scale):
        return [
            Image(np.repeat(np.kron(np.round(p * 255), np.ones((scale, scale))).astype(np.uint8)[..., None], 3, 2))
            for p in pixels[chosen]
        ]

    for scale in (1, 4):
        right = np.mean(
            [int(found) == true for found, true in zip(read_digits(shown(scale)), digits[chosen], strict=True)]
        )
        assert right > 0.97
