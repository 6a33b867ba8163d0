"""The evaluation of drawings: an artist who does what is asked, one who draws nothing, and what stands between."""

from __future__ import annotations

import numpy as np
import pytest
from mmzoo_datasets.digits import WORDS, handwritten, split_indices
from mmzoo_datasets.judges.scenes import SceneReader
from mmzoo_datasets.scenes.captions import Understood, understand
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.world import CELLS, RELATIONS, Scene, Thing
from mmzoo_image import evaluate
from mmzoo_image.evaluate import hole, mean_fill, with_noise
from PIL import Image as Pillow

from mmzoo.evaluation.words import accuracies
from mmzoo.interfaces import Image

pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test has its own empty cache."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))


def as_told(said: Understood, side: int = 64) -> Image:
    """A scene with all that a caption says; what it leaves open is the first that fits."""
    cells = [mention.cell for mention in said.things]
    if said.things and (how := said.things[0].relation):
        cells = [4, next(i for i in range(len(CELLS)) if _signs(4, i) == RELATIONS[how])]
    things = (
        Thing(mention.shape or "circle", mention.colour or "red", mention.size or "small", cell or 0)
        for mention, cell in zip(said.things, cells, strict=True)
    )
    return Image(np.asarray(draw(Scene(said.background or "black", tuple(things)), side)))


def _signs(first: int, second: int) -> tuple[int, int]:
    (row, column), (other_row, other_column) = divmod(first, 3), divmod(second, 3)
    return int(np.sign(other_row - row)), int(np.sign(other_column - column))


class Artist:
    """Draws scenes from captions and digits from their words; hands pictures to be edited back as they were."""

    side, num_steps, edit_steps, guidance = 64, 2, 2, 1.0

    def generate(self, prompts, *, seed=0, steps=None):
        return [
            self.digit(prompt, seed + i) if prompt in WORDS else as_told(understand(prompt))
            for i, prompt in enumerate(prompts)
        ]

    def digit(self, word, seed):
        pixels, digits = handwritten()
        chosen = [i for i in split_indices("train") if WORDS[digits[i]] == word]
        gray = Pillow.fromarray(np.round(pixels[chosen[seed % len(chosen)]] * 255).astype(np.uint8))
        return Image(np.asarray(gray.resize((64, 64), Pillow.Resampling.BICUBIC).convert("RGB")))

    def inpaint(self, pictures, masks, prompts=None, *, seed=0):
        return list(pictures)

    def upscale(self, pictures, prompts=None, *, seed=0):
        return [Image(picture.pixels.repeat(4, 0).repeat(4, 1)) for picture in pictures]

    def denoise(self, pictures, prompts=None, *, seed=0):
        return list(pictures)


class Blank(Artist):
    """Draws black, whatever is asked."""

    def generate(self, prompts, *, seed=0, steps=None):
        return [Image(np.zeros((64, 64, 3), np.uint8))] * len(prompts)


def test_an_artist_who_does_what_is_asked_is_right(tmp_path):
    found = evaluate.evaluate_text_to_image(Artist(), limit=12, samples=tmp_path / "samples")
    assert found["attributes_right"]["one"]["all"]["share"] == 1
    assert found["attributes_right"]["two"]["all"]["share"] > 0.97
    assert set(found["attributes_right"]["one"]) >= {
        "background",
        "colour",
        "shape",
        "size",
        "position",
        "count",
        "all",
    }
    edits = found["edits"]
    assert edits["inpaint"]["model"]["psnr_db"] > 90 and edits["inpaint"]["model"]["right"] == 1
    assert edits["inpaint"]["model"]["wrong_against_baseline"]["difference"] < 0
    assert edits["inpaint"]["baseline"]["psnr_db"] < 40
    assert edits["denoise"]["baseline"]["psnr_db"] > edits["denoise"]["model"]["psnr_db"]
    assert {path.name for path in (tmp_path / "samples").iterdir()} == {
        f"{name}.png" for name in ("one-drawn", "two-drawn", "inpaint", "upscale", "denoise")
    }


def test_an_artist_who_draws_nothing_is_wrong():
    found = evaluate.evaluate_text_to_image(Blank(), limit=12)["attributes_right"]["one"]
    assert found["shape"] == found["colour"] == found["position"] == 0
    assert 0 < found["background"] < 1 and found["all"]["low"] <= found["all"]["share"] <= found["all"]["high"] < 0.5


def test_digits_drawn_and_copied(tmp_path):
    found = evaluate.evaluate_class_to_image(Artist(), limit=60, samples=tmp_path / "samples")
    assert found["digits_right"]["drawn"]["share"] > 0.95 and found["digits_right"]["real"]["share"] > 0.95
    assert found["variety"]["drawn_to_nearest_training"] < 1e-3 < found["variety"]["real_to_nearest_training"]
    assert 0.5 < found["variety"]["drawn_to_real_spread"] < 1.5
    blank = evaluate.evaluate_class_to_image(Blank(), limit=60)
    assert blank["digits_right"]["drawn"]["share"] < 0.2 and blank["variety"]["drawn_to_real_spread"] == 0


def test_told_right_counts_only_what_is_said():
    picture = as_told(understand("a small red circle on a black background"))
    reader = SceneReader()
    assert accuracies(reader.as_told(["a red circle"], [picture]))["all"]["share"] == 1
    assert accuracies(reader.as_told(["a blue circle"], [picture]))["colour"] == 0


def test_what_is_spoiled_and_how_it_is_filled():
    picture = as_told(understand("a large white square in the center on a black background"))
    mask = hole(picture, 0)
    assert mask.sum() == 22 * 22 and picture.pixels[mask].max() > 200
    filled = mean_fill(picture, mask).pixels
    assert np.array_equal(filled[~mask], picture.pixels[~mask]) and len(np.unique(filled[mask], axis=0)) == 1
    assert np.array_equal(with_noise(picture, 3).pixels, with_noise(picture, 3).pixels)
    assert not np.array_equal(with_noise(picture, 3).pixels, with_noise(picture, 4).pixels)
