"""The bundled picture tokenizer: pictures it has not seen, of any rectangle, come back."""

from __future__ import annotations

import random

import numpy as np
import pytest

import mmzoo
from mmzoo.interfaces import Image

draw = pytest.importorskip("mmzoo_datasets.scenes.draw", reason="mmzoo-datasets, which draws scenes, is not installed")


@pytest.fixture(scope="module")
def tokenizer():
    return mmzoo.create("vqvae-image")


def test_scenes_are_read_from_their_copies(tokenizer):
    from mmzoo_datasets.judges.scenes import attribute_errors
    from mmzoo_datasets.scenes.reader import read
    from mmzoo_datasets.scenes.world import random_scene

    chance = random.Random("bundled")
    scenes = [random_scene(chance, things=1 + i % 3, held_out=i % 2 == 0) for i in range(40)]
    copies = [tokenizer(Image(np.asarray(draw.draw(scene, 64)))) for scene in scenes]
    wrong = attribute_errors(scenes, [read(copy.pixels) for copy in copies])
    assert all(found.rate < 0.08 for found in wrong.values()), {name: found.rate for name, found in wrong.items()}


def test_pictures_of_any_rectangle(tokenizer):
    pixels = np.full((40, 101, 3), (70, 20, 100), np.uint8)
    copy = tokenizer(Image(pixels))
    assert copy.pixels.shape == pixels.shape and np.abs(copy.pixels.astype(int) - pixels).mean() < 12
    assert tokenizer.tokenize(Image(pixels)).shape == (1, 5 * 13, 8)
