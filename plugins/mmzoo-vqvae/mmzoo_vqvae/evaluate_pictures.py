"""Evaluation of picture tokenizers: a rule and a classifier read reconstructions of held-out pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from mmzoo.data import load_dataset_component, sheet
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import pictures_of, psnr
from mmzoo.evaluation.words import difference, mismatches
from mmzoo_vqvae.losses import code_statistics

SCENES = 400


def evaluate_picture_tokenizer(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Attributes of original and reconstructed scenes, digits recognized, PSNR, code usage and speed."""
    scene_reader, digit_reader = load_judge("scene-reader"), load_judge("digit-reader")
    scenes = load_dataset_component("spoken-scenes", speech=False)["test"].select(range(min(limit or SCENES, SCENES)))
    digits = load_dataset_component("spoken-digits", side=64, speech=False)["test"]
    digits = digits.select(range(min(limit or len(digits), len(digits))))
    pictures = {"scenes": pictures_of(scenes), "digits": pictures_of(digits)}
    start = time.perf_counter()
    copies = {name: [model(picture) for picture in originals] for name, originals in pictures.items()}
    seconds = time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        for name, originals in pictures.items():
            sheet(originals[:6], copies[name][:6]).save(samples / f"{name}.png")
    rows = {"true": pictures, "copy": copies}
    errors = {row: scene_reader.errors(scenes["label"], by_name["scenes"]) for row, by_name in rows.items()}
    misread = {row: mismatches(digit_reader.read(by_name["digits"]), digits["label"]) for row, by_name in rows.items()}
    codes = torch.cat([model.tokenize(picture) for originals in pictures.values() for picture in originals])
    return {
        "protocol": {
            "data": "scenes with shape-color pairs held out of training, and held-out handwritten digits",
            "scenes": len(scenes),
            "digits": len(digits),
            "judges": f"{scene_reader.name}; {digit_reader.name}",
        },
        "scenes_right": {row: {name: 1 - rate.rate for name, rate in rates.items()} for row, rates in errors.items()},
        "scenes_lost": {name: difference(errors["copy"][name], errors["true"][name]) for name in errors["true"]},
        "digits_right": {row: 1 - rate.rate for row, rate in misread.items()},
        "psnr_db": {name: psnr(pictures[name], copies[name]) for name in pictures},
        "codes": {
            "bits_per_picture": model.quantizer.bits_per_step * codes.shape[1],
            **code_statistics(codes, model.quantizer.codebook_sizes),
        },
        "speed": {"pictures_per_second": sum(map(len, pictures.values())) / seconds},
    }
