"""Pictures with masks: what they hold, that they are reproducible, and what splits share."""

from __future__ import annotations

import numpy as np
import pytest
from mmzoo_datasets import segmented
from mmzoo_datasets.segmented import DIGIT_CLASSES, SHAPE_CLASSES, segmented_digits, segmented_scenes

from mmzoo.data import decode_image

SIZES = {"train": 6, "validation": 2, "test": 3}
BUILDERS = {"scenes": (segmented_scenes, SHAPE_CLASSES), "digits": (segmented_digits, DIGIT_CLASSES)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", BUILDERS)
def test_masks_fit_their_pictures(kind):
    if kind == "digits":
        pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
    build, classes = BUILDERS[kind]
    made = build(**SIZES, side=32)
    assert {split: len(rows) for split, rows in made.items()} == SIZES
    for row in made["train"]:
        mask = decode_image(row["mask"]).pixels[..., 0]
        assert row["mask_classes"] == list(classes) and mask.shape == (32, 32) and mask.max() < len(classes)
        assert set(row["text"].split()) == {classes[number] for number in np.unique(mask)} - {"background"}
        assert 0 < (mask > 0).mean() < 0.9
        assert decode_image(row["image"]).pixels.shape == (32, 32, 3)
    fewer = build(**{**SIZES, "train": 3}, side=32)["train"]
    assert fewer["image"] == made["train"]["image"][:3] and fewer["mask"] == made["train"]["mask"][:3]
    assert build(**SIZES, side=32, seed=1)["test"]["mask"] != made["test"]["mask"]


def test_later_shapes_cover_earlier_ones():
    counts = []
    for seed in range(8):
        _, mask = segmented.scene(np.random.default_rng(seed), "train", 64)
        counts.append((mask > 0).sum())
        assert mask.dtype == np.uint8
    assert len(set(counts)) > 4


def test_photographs_of_the_splits_do_not_overlap(monkeypatch):
    across = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3))
    monkeypatch.setattr(segmented, "photographs", lambda: (np.ascontiguousarray(across),))
    for split, (low, high) in {"train": (0, 140), "test": (140, 200)}.items():
        for seed in range(10):
            crop = segmented._photograph(np.random.default_rng(seed), split, 16)
            assert crop.min() >= low - 1 and crop.max() <= high
