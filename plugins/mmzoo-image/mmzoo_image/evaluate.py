"""How well a model draws and edits: scenes are read by rule, digits by a classifier, edits compared with baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from mmzoo.data import load_dataset_component, sheet
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import in_batches, pictures_of, psnr
from mmzoo.evaluation.words import ErrorRate, accuracies, accuracy, capped, difference, mismatches, pooled
from mmzoo.interfaces import Image

SCENES, EDITS, DIGITS = 400, 200, 500
SHOWN = 6
"""Pictures in a row of a sheet of samples."""
STEPS = (5, 10, 20)
NOISE = 0.2
"""Std of the noise to remove, for pixels in [0, 1]."""
HOLE = 0.35
"""Sides of the hole to fill, as a fraction of the picture's."""
FACTOR = 4

Pictures = Sequence[Image]


def evaluate_text_to_image(
    model: Any, *, judge: str = "scene-reader", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Attributes of scenes drawn from captions with held-out shape-color pairs, read by rule; edits of true scenes."""
    reader = load_judge(judge)
    count = min(limit or SCENES, SCENES)
    scenes = {name: _scenes(things, count, model.side) for name, things in (("one", 1), ("two", 2))}
    drawn, seconds = {}, 0.0
    for name, rows in scenes.items():
        start = time.perf_counter()
        drawn[name] = _drawn(model, rows["text"])
        seconds += time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        for name, rows in scenes.items():
            sheet(pictures_of(rows)[:SHOWN], drawn[name][:SHOWN]).save(samples / f"{name}-drawn.png")
    rows = scenes["one"].select(range(min(count, EDITS)))

    def right(captions: Sequence[str], pictures: Pictures) -> dict[str, Any]:
        return accuracies(reader.as_told(captions, pictures))

    def wrong(pictures: Pictures) -> ErrorRate:
        return capped(pooled(list(reader.errors(rows["label"], pictures).values())))

    return {
        "protocol": {
            "data": "scenes with shape-color pairs held out of training, drawn from their captions",
            "scenes": count,
            "judge": reader.name,
            "steps": model.num_steps,
            "edit_steps": model.edit_steps,
            "guidance": model.guidance,
        },
        "attributes_right": {name: right(scenes[name]["text"], drawn[name]) for name in scenes},
        "steps": {
            str(steps): right(
                rows["text"],
                drawn["one"][: len(rows)] if steps == model.num_steps else _drawn(model, rows["text"], steps=steps),
            )["all"]
            for steps in STEPS
        },
        "edits": judge_edits(model, pictures_of(rows), rows["text"], wrong, samples),
        "speed": {"pictures_per_second": 2 * count / seconds},
    }


def evaluate_class_to_image(
    model: Any, *, judge: str = "digit-reader", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Digits drawn from their names, recognized by a classifier of real ones; their variety; edits of real digits."""
    reader = load_judge(judge)
    rows = load_dataset_component("spoken-digits", side=model.side, speech=False)
    words = dict(zip(rows["train"]["label"], rows["train"]["text"], strict=True))
    count = min(limit or DIGITS, DIGITS)
    labels = [str(index % 10) for index in range(count)]
    prompts = [words[label] for label in labels]
    start = time.perf_counter()
    drawn = _drawn(model, prompts)
    seconds = time.perf_counter() - start
    training, test = pictures_of(rows["train"]), pictures_of(rows["test"])
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        sheet(*(drawn[digit::10][:SHOWN] for digit in range(10) if len(drawn) > digit)).save(samples / "drawn.png")
    edited = rows["test"].select(range(min(count, EDITS)))

    def wrong(pictures: Pictures) -> ErrorRate:
        return mismatches(reader.read(pictures), edited["label"])

    return {
        "protocol": {
            "data": "digits drawn from their names; edits of handwritten digits held out of training",
            "digits": count,
            "judge": reader.name,
            "steps": model.num_steps,
            "edit_steps": model.edit_steps,
            "guidance": model.guidance,
        },
        "digits_right": {
            "drawn": accuracy(mismatches(reader.read(drawn), labels)),
            "real": accuracy(mismatches(reader.read(test), rows["test"]["label"])),
        },
        "variety": {
            "drawn_to_real_spread": _std(drawn, prompts) / _std(test, rows["test"]["text"]),
            "drawn_to_nearest_training": _nearest(drawn, training),
            "real_to_nearest_training": _nearest(test, training),
        },
        "edits": judge_edits(model, pictures_of(edited), edited["text"], wrong, samples),
        "speed": {"pictures_per_second": count / seconds},
    }


def judge_edits(
    model: Any, true: Pictures, prompts: Sequence[str], wrong: Callable[[Pictures], ErrorRate], samples: Path | None
) -> dict[str, Any]:
    """PSNR in dB and the judge's accuracy for inpainting, upscaling and denoising, each with its baseline.

    Args:
        model: The model under evaluation.
        true: The original pictures.
        prompts: Their captions.
        wrong: Returns the judge's errors on reproductions of `true`.
        samples: Folder for sample sheets, or None.
    """
    masks = [hole(picture, seed) for seed, picture in enumerate(true)]
    size = true[0].pixels.shape[:2]
    small = [resized(picture, Pillow.Resampling.BOX, (size[0] // FACTOR, size[1] // FACTOR)) for picture in true]
    noisy = [with_noise(picture, seed) for seed, picture in enumerate(true)]

    def inpainted(batch: list[Any], seed: int) -> list[Image]:
        return list(model.inpaint(*map(list, zip(*batch, strict=True)), seed=seed))

    tasks: dict[str, tuple[Pictures, dict[str, Pictures]]] = {
        "inpaint": (
            [mean_fill(picture, mask) for picture, mask in zip(true, masks, strict=True)],
            {
                "model": in_batches(list(zip(true, masks, strict=True)), inpainted),
                "model_told": in_batches(list(zip(true, masks, prompts, strict=True)), inpainted),
            },
        ),
        "upscale": (
            [resized(picture, Pillow.Resampling.BICUBIC, size) for picture in small],
            {
                "model": [
                    resized(picture, Pillow.Resampling.BICUBIC, size)
                    for picture in in_batches(small, lambda batch, seed: model.upscale(batch, seed=seed))
                ]
            },
        ),
        "denoise": (
            max(([_median(picture, side) for picture in noisy] for side in (3, 5)), key=lambda copy: psnr(true, copy)),
            {"model": in_batches(noisy, lambda batch, seed: model.denoise(batch, seed=seed))},
        ),
    }
    names = {"inpaint": "mean fill", "upscale": "bicubic", "denoise": "median filter"}
    report: dict[str, Any] = {}
    for task, (baseline, arms) in tasks.items():
        base = wrong(baseline)
        report[task] = {"baseline": {"method": names[task], "psnr_db": psnr(true, baseline), "right": 1 - base.rate}}
        for arm, pictures in arms.items():
            judged = wrong(pictures)
            report[task][arm] = {
                "psnr_db": psnr(true, pictures),
                "right": 1 - judged.rate,
                "wrong_against_baseline": difference(judged, base),
            }
        if samples is not None:
            sheet(true[:SHOWN], baseline[:SHOWN], *(arm[:SHOWN] for arm in arms.values())).save(samples / f"{task}.png")
    return report


def hole(picture: Image, seed: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A hole to fill, around a random foreground pixel; bool `[H, W]`."""
    pixels = picture.pixels.astype(int)
    foreground = np.argwhere(np.abs(pixels - np.median(pixels, axis=(0, 1))).sum(-1) > 60)
    generator = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    row, column = (height // 2, width // 2)
    if len(foreground):
        row, column = foreground[generator.integers(len(foreground))]
    tall, wide = round(HOLE * height), round(HOLE * width)
    top, left = min(max(0, row - tall // 2), height - tall), min(max(0, column - wide // 2), width - wide)
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[top : top + tall, left : left + wide] = True
    return mask


def mean_fill(picture: Image, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Image:
    """Fill the hole with the mean color of the other pixels."""
    pixels = picture.pixels.copy()
    pixels[mask] = pixels[~mask].mean(0).round()
    return Image(pixels)


def with_noise(picture: Image, seed: int) -> Image:
    """Add white noise with std NOISE, and clip."""
    noise = np.random.default_rng(seed).standard_normal(picture.pixels.shape)
    return Image(np.clip(picture.pixels + 255 * NOISE * noise, 0, 255).round().astype(np.uint8))


def resized(picture: Image, method: Pillow.Resampling, size: tuple[int, int]) -> Image:
    """Resample to (height, width) with Pillow, unless the picture already has that size."""
    if picture.pixels.shape[:2] == size:
        return picture
    return Image(np.asarray(Pillow.fromarray(picture.pixels).resize((size[1], size[0]), method)))


def _median(picture: Image, side: int) -> Image:
    return Image(np.asarray(Pillow.fromarray(picture.pixels).filter(ImageFilter.MedianFilter(side))))


def _scenes(things: int, count: int, side: int) -> Any:
    sizes = {"train": 1, "validation": 1, "unseen_voice": 1}
    rows = load_dataset_component("spoken-scenes", **sizes, things=things, side=side, speech=False)
    return rows["test"].select(range(count))


def _drawn(model: Any, prompts: Sequence[str], **options: Any) -> list[Image]:
    return in_batches(prompts, lambda batch, seed: model.generate(batch, seed=seed, **options))


def _flat(pictures: Pictures) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.stack([picture.pixels[..., 0].ravel() for picture in pictures]).astype(np.float32) / np.float32(255)


def _std(pictures: Pictures, classes: Sequence[str]) -> float:
    """Std of pixels within classes."""
    flat, names = _flat(pictures), np.array(classes)
    return float(np.sqrt(np.mean([flat[names == name].var(0).mean() for name in sorted(set(classes))])))


def _nearest(pictures: Pictures, others: Pictures) -> float:
    """RMS distance to the nearest of the others, averaged: close to 0 for copies."""
    a, b = _flat(pictures), _flat(others)
    squares = np.square(a).sum(1)[:, None] - 2 * a @ b.T + np.square(b).sum(1)
    return float(np.sqrt(np.maximum(squares.min(1), 0) / a.shape[1]).mean())
