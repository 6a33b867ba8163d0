"""How good a picture tokenizer is: its copies of held-out scenes and digits, read by rule and by a classifier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.data import decode_image, sheet
from mmzoo.errors import MissingDependencyError
from mmzoo.evaluation.words import ErrorRate, difference
from mmzoo.interfaces import Image
from mmzoo_datasets.digits import handwritten, split_indices, spoken_digits
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.spoken import scene_of, spoken_scenes
from mmzoo_datasets.scenes.world import Scene

ATTRIBUTES = ("background", "position", "colour", "shape", "size")
SCENES = 400


def attribute_errors(shown: Sequence[Scene], seen: Sequence[Scene]) -> dict[str, ErrorRate]:
    """For each attribute, how many of a scene's were read wrong; one row for each scene.

    A thing that was not seen in its cell is wrong in position, colour, shape and size; one too many, in position.
    """
    counts: dict[str, list[tuple[int, int, int, int]]] = {name: [] for name in ATTRIBUTES}
    for true, found in zip(shown, seen, strict=True):
        by_cell = {thing.cell: thing for thing in found.things}
        extra = len(by_cell.keys() - {thing.cell for thing in true.things})
        pairs = [(thing, by_cell.get(thing.cell)) for thing in true.things]
        missing = sum(other is None for _, other in pairs)
        counts["background"].append((int(true.background != found.background), 0, 0, 1))
        counts["position"].append((0, missing, extra, len(pairs)))
        for name in ("colour", "shape", "size"):
            wrong = sum(other is None or getattr(thing, name) != getattr(other, name) for thing, other in pairs)
            counts[name].append((wrong, 0, 0, len(pairs)))
    return {name: ErrorRate(np.array(rows, np.int64).reshape(-1, 4)) for name, rows in counts.items()}


@lru_cache(maxsize=1)
def _digit_reader() -> Any:
    """A support vector machine with radial basis functions, trained on the real training digits."""
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise MissingDependencyError(
            "The judge of digits is scikit-learn's, which is not installed; run: pip install scikit-learn"
        ) from error
    pixels, digits = handwritten()
    chosen = split_indices("train")
    return SVC(C=10.0, gamma=0.25).fit(pixels[chosen].reshape(len(chosen), 64), digits[chosen])


def read_digits(pictures: Sequence[Image]) -> list[str]:
    """What digit each picture shows: the picture's brightness over 8 x 8 cells, given to the support vector machine."""
    cells = []
    for picture in pictures:
        gray = picture.pixels.astype(np.float32).mean(-1) / 255
        side = len(gray) // 8
        cells.append(gray[: 8 * side, : 8 * side].reshape(8, side, 8, side).mean((1, 3)).ravel())
    return [str(digit) for digit in _digit_reader().predict(np.stack(cells))]


def evaluate_picture_tokenizer(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Attributes read off true scenes and their copies, digits recognised, PSNR, codes in use, speed."""
    import torch

    scenes = spoken_scenes(speech=False)["test"].select(range(min(limit or SCENES, SCENES)))
    digits = spoken_digits(side=64, speech=False)["test"]
    digits = digits.select(range(min(limit or len(digits), len(digits))))
    pictures = {name: [decode_image(cell) for cell in rows["image"]] for name, rows in _named(scenes, digits)}
    start = time.perf_counter()
    copies = {name: [model(picture) for picture in some] for name, some in pictures.items()}
    seconds = time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        for name, some in pictures.items():
            sheet(some[:12], copies[name][:12]).save(samples / f"{name}.png")
    shown = [scene_of(label) for label in scenes["label"]]
    errors = {
        row: attribute_errors(shown, [read(picture.pixels) for picture in some["scenes"]])
        for row, some in (("true", pictures), ("copy", copies))
    }
    codes = torch.cat([model.tokenize(picture) for some in pictures.values() for picture in some])
    used = [torch.bincount(codes[..., q].flatten(), minlength=n) for q, n in enumerate(model.quantizer.codebook_sizes)]
    return {
        "protocol": {
            "data": "scenes with shape-colour pairs that training lacks, and handwritten digits kept from training",
            "scenes": len(scenes),
            "digits": len(digits),
            "judges": "scene reader by rule; support vector machine trained on the real digits",
        },
        "scenes_right": {row: {name: 1 - found.rate for name, found in rates.items()} for row, rates in errors.items()},
        "scenes_lost": {name: difference(errors["copy"][name], errors["true"][name]) for name in ATTRIBUTES},
        "digits_right": {
            "true": _agree(read_digits(pictures["digits"]), digits["label"]),
            "copy": _agree(read_digits(copies["digits"]), digits["label"]),
        },
        "psnr_db": {name: psnr(pictures[name], copies[name]) for name in pictures},
        "codes": {
            "bits_per_picture": model.quantizer.bits_per_step * codes.shape[1],
            "mean_perplexity": float(np.mean([_perplexity(count) for count in used])),
            "dead_codes": int(sum(int((count == 0).sum()) for count in used)),
        },
        "speed": {"pictures_per_second": sum(map(len, pictures.values())) / seconds},
    }


def _named(scenes: Any, digits: Any) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("scenes", scenes), ("digits", digits)


def _agree(found: Sequence[str], wanted: Sequence[str]) -> float:
    return float(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))


def psnr(true: Sequence[Image], copies: Sequence[Image]) -> float:
    """Peak signal-to-noise ratio in dB, of each picture by itself and averaged."""
    errors = [
        np.square(a.pixels.astype(np.float64) - b.pixels).mean() / 255**2 for a, b in zip(true, copies, strict=True)
    ]
    return float(np.mean([-10 * np.log10(max(error, 1e-10)) for error in errors]))


def _perplexity(counts: Any) -> float:
    shares = counts.double() / counts.sum()
    return float((-(shares * shares.clamp_min(1e-12).log()).sum()).exp())
