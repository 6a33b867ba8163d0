"""How well a model recognizes digits, whole and degraded, from any of its modalities."""

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
"""Splits of DATA: digits that are whole, and the most degraded ones."""


def evaluate_recognition(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Scores by test and subset of modalities with intervals, and what fusion gains.

    limit: use only so many test digits.
    """
    rows = load_dataset_component(DATA, side=model.side)
    found: dict[str, Any] = {}
    wrong: dict[str, dict[str, ErrorRate]] = {}
    seconds, count = 0.0, 0
    for test, split in TESTS.items():
        examples = model.examples(rows[split].select(range(min(limit or len(rows[split]), len(rows[split])))), Path())
        start = time.perf_counter()
        guessed = _guesses(model, examples)
        seconds, count = seconds + time.perf_counter() - start, count + len(examples) * len(guessed)
        found[test], wrong[test] = {}, {}
        for name, guesses in guessed.items():
            wrong[test][name] = mismatches(guesses, examples.labels)
            told = interval(wrong[test][name])
            found[test][name] = {
                **scores(guesses, examples.labels, len(examples.names)),
                "accuracy_low": 1 - told["high"],
                "accuracy_high": 1 - told["low"],
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
        "recognised": found,
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
    found: dict[str, list[int]] = {"+".join(some): [] for some in subsets}
    for start in tqdm(range(0, len(examples), 50), desc="recognising", disable=None, leave=False):
        parts = model.encoded(examples.collate(list(range(start, min(start + 50, len(examples))))))
        for some in subsets:
            logits = model.logits({name: parts[name] for name in some})
            found["+".join(some)] += logits.argmax(-1).tolist()
    return found


def scores(guessed: Sequence[int], labels: Sequence[int], classes: int) -> dict[str, float]:
    """Accuracy, macro recall and macro F1; a class that is neither asked nor guessed counts as 0."""
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
