"""The metric of pictures from masks tells a model that follows its mask from one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from mmzoo_image import evaluate_masks

import mmzoo
from mmzoo.data import encode_image, make_row, to_dataset
from mmzoo.errors import DataError
from mmzoo.interfaces import Image

NAMES = ["background", "light", "dark"]
GRAY = np.array([120, 250, 10], np.uint8)


def mask(number: int) -> Image:
    chance = np.random.default_rng(number)
    return Image(np.repeat(np.kron(chance.integers(0, 3, (4, 4, 1)), np.ones((4, 4, 1))).astype(np.uint8), 3, axis=2))


def rows(names: Any = tuple(NAMES), count: int = 6) -> Dataset:
    made = []
    for number in range(count):
        picture = encode_image(Image(GRAY[mask(number).pixels]))
        row = make_row(id=str(number), text="", image=picture, split="test")
        made.append({**row, "mask": encode_image(mask(number)), "mask_classes": list(names)})
    return to_dataset(made)


class Judge:
    names = NAMES

    def segment(self, picture: Image) -> Any:
        nearest = np.abs(picture.pixels[..., :1].astype(int) - GRAY.astype(int)).argmin(-1)
        return type("Found", (), {"classes": nearest.astype(np.uint8)})


class Artist:
    """Follows its mask, or draws any other one."""

    num_steps = 4

    def __init__(self, follows: bool) -> None:
        self.follows = follows

    def generate(self, prompts: Any, *, masks: Any, seed: int) -> list[Image]:
        pixels = GRAY[masks[0].pixels if self.follows else mask(1000 + seed).pixels]
        return [Image((pixels + (0 if self.follows else seed % 2)).astype(np.uint8))]


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    found = [rows()]
    monkeypatch.setattr(mmzoo, "create", lambda name: Judge())
    monkeypatch.setattr(
        evaluate_masks, "held_out", lambda *_: type("Held", (), {"title": "masks", "test_rows": lambda _: found})()
    )
    return found


def test_a_model_that_follows_its_masks_scores_like_real_pictures(tmp_path: Path) -> None:
    report = evaluate_masks.evaluate_mask_to_image(Artist(follows=True), samples=tmp_path)
    iou = {name: row["iou"] for name, row in report["iou"].items()}
    assert iou["drawn"] == iou["real"] == 1 and iou["other"] < 0.5
    assert report["protocol"]["pictures"] == 6 and report["variety"]["between_seeds"] == 0
    assert (tmp_path / "drawn.png").is_file()


def test_a_model_that_ignores_its_masks_scores_like_other_pictures() -> None:
    report = evaluate_masks.evaluate_mask_to_image(Artist(follows=False), limit=5)
    assert report["iou"]["drawn"]["iou"] < 0.5 and report["variety"]["between_seeds"] > 0.1
    assert report["protocol"]["pictures"] == 5 and set(report["by_class"]) == {"mean", *NAMES}


def test_masks_of_other_classes_are_refused(held: list[Dataset]) -> None:
    held[0] = rows(["background", "cat", "dog"])
    with pytest.raises(DataError, match=r"cat.*light"):
        evaluate_masks.evaluate_mask_to_image(Artist(follows=True))
