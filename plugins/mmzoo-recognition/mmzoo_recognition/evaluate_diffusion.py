"""Measures a diffusion classifier on digits: accuracy and calibration, clean and degraded, and by budget."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from mmzoo.data import load_dataset_component, sheet
from mmzoo.errors import InputError
from mmzoo.interfaces import Image
from mmzoo_recognition.diffusion import evaluations, pruned
from mmzoo_recognition.examples import pixels_of
from mmzoo_recognition.robustness import DEGRADATIONS, reliability

DATA = "spoken-digits"


def evaluate_diffusion_classification(
    model: Any, *, limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Scores on test digits, clean and degraded, and the scores on clean ones for smaller budgets.

    Args:
        model: A diffusion classifier of digits.
        limit: Number of test digits; None for all.
        samples: Folder for `degraded.png`, a sheet of test digits; None for none.

    Returns:
        The content of `evaluation.json`.

    Raises:
        InputError: The classes are not the digits.
    """
    rows = load_dataset_component(DATA, side=model.side, speech=False)["test"]
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    if unknown := sorted(set(map(str, rows["label"])) - set(model.names)):
        raise InputError(
            f"This metric is for classifiers of the digits of {DATA}; {model.name} has no class {unknown[0]!r}, only"
            f" {', '.join(model.names)}."
        )
    labels = [model.names.index(str(label)) for label in rows["label"]]
    pixels = torch.stack([pixels_of(cell, model.side) for cell in rows["image"]])
    degraded = {name: change(pixels) for name, change in DEGRADATIONS.items()}
    scores: dict[str, Any] = {}
    tables: list[torch.Tensor] = []
    start = time.perf_counter()
    with torch.no_grad():
        for name, pictures in degraded.items():
            errors = [model.errors(one) for one in tqdm(pictures, desc=name, disable=None, leave=False)]
            scores[name] = reliability(_probabilities(model, errors), labels)
            tables += errors
    seconds = time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        sheet(*([Image(one.numpy()) for one in pictures[:12]] for pictures in degraded.values())).save(
            samples / "degraded.png"
        )
    spent = sum(map(evaluations, tables)) / len(tables)
    report = {
        "protocol": {
            "data": "test digits of spoken-digits: clean, with noise of std 0.2 and 0.4, behind gray squares with sides"
            " of 0.25 and 0.4",
            "digits": len(labels),
            "draws": model.draws,
            "judge": "their labels",
        },
        "scores": scores,
        "cost": {
            "evaluations": spent,
            "evaluations_without_pruning": len(model.names) * model.draws,
            "seconds_per_picture": seconds / len(tables),
        },
        "temperature": float(model.log_temperature.detach().exp()),
    }
    if spent == len(model.names) * model.draws:
        report["budgets"] = _by_budget(model, tables[: len(labels)], labels)
    return report


def _probabilities(model: Any, errors: list[torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        probabilities: torch.Tensor = model.logits(torch.stack(errors)).softmax(-1).cpu()
    return probabilities


def _by_budget(model: Any, tables: list[torch.Tensor], labels: list[int]) -> dict[str, Any]:
    """Scores for smaller budgets, read off the complete tables of errors."""
    classes, draws = tables[0].shape
    scores = {}
    for part in (8, 4, 2, 1):
        budget = classes * draws // part
        errors = [pruned(partial(_stored, table), classes, draws, budget) for table in tables]
        scores[str(budget)] = {
            "evaluations": sum(map(evaluations, errors)) / len(errors),
            **reliability(_probabilities(model, errors), labels),
        }
    return scores


def _stored(table: torch.Tensor, kept: list[int], start: int, end: int) -> torch.Tensor:
    return table[kept, start:end]
