"""Measures how well a model recognizes digits, intact and degraded, from every subset of its modalities."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mmzoo.data import as_image, load_dataset_component, sheet
from mmzoo.evaluation.words import ErrorRate, difference, interval, mismatches

DATA = "degraded-digits"
TESTS = {"whole": "test", "degraded": "test_degraded"}
"""Splits of DATA: intact digits, and digits at the highest level of degradation."""


def evaluate_recognition(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Scores with confidence intervals by test and subset of modalities, and the gain from fusion.

    Args:
        model: A recognition model.
        limit: Number of test digits; None for all.
        samples: Folder for `digits.png`, a sheet of test digits; None for none.

    Returns:
        The content of `evaluation.json`.
    """
    rows = load_dataset_component(DATA, side=model.side)
    recognized: dict[str, Any] = {}
    wrong: dict[str, dict[str, ErrorRate]] = {}
    seconds, count = 0.0, 0
    for test, split in TESTS.items():
        examples = model.examples(rows[split].select(range(min(limit or len(rows[split]), len(rows[split])))), Path())
        start = time.perf_counter()
        guessed = _guesses(model, examples)
        seconds, count = seconds + time.perf_counter() - start, count + len(examples) * len(guessed)
        recognized[test], wrong[test] = {}, {}
        for name, guesses in guessed.items():
            wrong[test][name] = mismatches(guesses, examples.labels)
            error = interval(wrong[test][name])
            recognized[test][name] = {
                **scores(guesses, examples.labels, len(examples.names)),
                "accuracy_low": 1 - error["high"],
                "accuracy_high": 1 - error["low"],
            }
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        pictures = {name: [as_image(cell) for cell in rows[split]["image"][:12]] for name, split in TESTS.items()}
        sheet(*pictures.values()).save(samples / "digits.png")
    every, alone = "+".join(model.modalities), min(model.modalities, key=lambda name: wrong["degraded"][name].rate)
    return {
        "protocol": {
            "data": "handwritten digits kept from training, their words written, and said by voices that training"
            " lacks; whole, and degraded to the last of four degrees",
            "digits": min(limit or 400, 400),
            "judge": "their labels",
        },
        "recognised": recognized,
        "all_against_best_single_on_degraded": {
            "single": alone,
            "wrong": difference(wrong["degraded"][every], wrong["degraded"][alone]),
        },
        "speed": {"items_per_second": count / seconds},
    }


@torch.inference_mode()
def _guesses(model: Any, examples: Any) -> dict[str, list[int]]:
    """The class guessed for each example from every subset of the modalities, `image+speech` and so on."""
    subsets = [some for size in range(1, len(model.modalities) + 1) for some in combinations(model.modalities, size)]
    guesses: dict[str, list[int]] = {"+".join(some): [] for some in subsets}
    for start in tqdm(range(0, len(examples), 50), desc="recognizing", disable=None, leave=False):
        parts = model.encoded(examples.collate(list(range(start, min(start + 50, len(examples))))))
        for some in subsets:
            logits = model.logits({name: parts[name] for name in some})
            guesses["+".join(some)] += logits.argmax(-1).tolist()
    return guesses


def scores(guessed: Sequence[int], labels: Sequence[int], classes: int) -> dict[str, float]:
    """Accuracy, macro recall and macro F1; a class that neither occurs nor is guessed counts as 0."""
    a, b = np.asarray(guessed), np.asarray(labels)
    recalls, f1s = [], []
    for k in range(classes):
        hits, true, said = int(((a == k) & (b == k)).sum()), int((b == k).sum()), int((a == k).sum())
        recalls.append(hits / max(1, true))
        f1s.append(2 * hits / max(1, true + said))
    return {
        "accuracy": float((a == b).mean()),
        "macro_recall": float(np.mean(recalls)),
        "macro_f1": float(np.mean(f1s)),
    }
