"""The studies of recognition by diffusion: temperatures, tables, and that every arm can be built."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
from mmzoo.interfaces import Image
from studies.diffusion import classes as class_study
from studies.diffusion import masks as mask_study


def test_the_temperature_is_the_best_one():
    logits = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.distributions.Categorical(logits=logits).sample()
    assert 0.8 < class_study.fitted_temperature(logits, labels) < 1.25
    assert 0.008 < class_study.fitted_temperature(0.01 * logits, labels) < 0.0125


def test_the_table_of_classes(tmp_path, monkeypatch):
    brightness = {"dark": 0, "light": 200}
    rows = {"image": [Image(np.full((64, 64, 3), value, np.uint8)) for value in (*brightness.values(), 0, 200)]}

    class Rows(dict):
        def select(self, indices):
            return self

        def __len__(self):
            return 4

    monkeypatch.setattr(
        class_study, "load_dataset_component",
        lambda name, **config: dict.fromkeys(("validation", "test"), Rows(rows, label=["0", "1", "0", "1"])),
    )  # fmt: skip

    def score(images):
        light = torch.tensor([float(image.pixels.mean()) for image in images])
        return torch.stack((100 - light, light - 100), dim=1), 3.0

    calls = []
    arm = class_study.Arm("brightness", lambda seed: (calls.append(seed) or score, 7), (0, 1))
    text = class_study.classes(tmp_path, [arm])
    assert "| brightness | 7 | clean | 100.0 (100.0 to 100.0) |" in text and calls == [0, 1]
    assert len(text.splitlines()) == 2 + len(class_study.DEGRADATIONS)
    assert class_study.classes(tmp_path, [arm]) == text and calls == [0, 1]


@pytest.mark.slow
def test_every_arm_of_classes_scores_a_picture():
    picture = Image(np.zeros((64, 64, 3), np.uint8))
    class_study.STEPS = 2
    for arm in class_study.arms(limit=40):
        score, parameters = arm.make(0)
        logits, cost = score([picture, picture])
        assert logits.shape == (2, 10) and parameters > 0 and cost >= 1


@pytest.mark.slow
def test_the_table_of_masks(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    data = {"validation": 1, "test": 3}
    text = mask_study.masks(tmp_path, labels=(4,), seeds=(0,), steps=2, data=data)
    assert text.count("| U-Net |") == 2 and "| patches of noisy latents (untrained DiT) |" in text
    sizes = [int(line.split("|")[2].replace(",", "")) for line in text.splitlines() if "| 4 |" in line]
    assert max(sizes) < 1.25 * min(sizes)
