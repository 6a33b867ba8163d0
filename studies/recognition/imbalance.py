"""Rare classes: some have a hundred times fewer training examples than others. Which remedies improve their recall?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmzoo_recognition.evaluate import scores
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from studies.recognition.cells import cell
from studies.recognition.training import MODEL, SEEDS, fit, fused, guesses

RATIO = 100.0
RARE = 3
"""Number of rare classes: the last of the ten."""
STEPS, SIDE = 300, 32


@dataclass(frozen=True)
class Remedy:
    """One row of the table.

    Args:
        name: As the table shows it.
        head: Settings of the recognition head.
        balanced: Draw every class equally often.
    """

    name: str
    head: dict[str, Any] = field(default_factory=dict)
    balanced: bool = False


REMEDIES = (
    Remedy("none"),
    Remedy("balanced drawing", balanced=True),
    Remedy("weighted loss", {"balance": "weighted"}),
    Remedy("focal loss", {"focal": 2.0}),
    Remedy("weighted focal loss", {"balance": "weighted", "focal": 2.0}),
)


def long_tail(labels: Sequence[str], ratio: float = RATIO) -> list[int]:
    """Indices of the examples to keep, so that class sizes decay exponentially (Cui et al., arXiv 1901.05555).

    Args:
        labels: The class of each example.
        ratio: Size of the first class over that of the last, which keeps at least one example.
    """
    names = sorted(set(labels))
    most = min(sum(label == name for label in labels) for name in names)
    kept = []
    for rank, name in enumerate(names):
        count = max(1, round(most * ratio ** (-rank / max(1, len(names) - 1))))
        kept += [index for index, label in enumerate(labels) if label == name][:count]
    return sorted(kept)


def imbalance(seeds: Sequence[int] = SEEDS, folder: Path | None = None) -> dict[str, Any]:
    """Mean scores of every remedy over the seeds, on balanced test digits.

    Args:
        seeds: The seeds to fill.
        folder: Where cells are kept; `studies/imbalance` in mmzoo's cache by default.

    Returns:
        For each remedy the recall of the rare classes, accuracy, macro recall and macro F1.
    """
    folder = cache_dir() / "studies" / "imbalance" if folder is None else folder
    cells: dict[str, list[dict[str, Any]]] = {}
    todo = [(remedy, seed) for remedy in REMEDIES for seed in seeds]
    for remedy, seed in tqdm(todo, desc="rare classes", unit="cell", disable=None):
        settings = {"remedy": asdict(remedy), "seed": seed, "steps": STEPS, "ratio": RATIO}
        cells.setdefault(remedy.name, []).append(cell(settings, folder, partial(_trained, remedy, seed)))
    return {name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for name, rows in cells.items()}


def _trained(remedy: Remedy, seed: int) -> dict[str, Any]:
    rows = load_dataset_component("spoken-digits", side=SIDE, speech=False)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **fused("late", ("image",), **remedy.head))
    examples = model.examples(rows["train"].select(long_tail(rows["train"]["label"])), Path())
    labels = torch.tensor(examples.labels)
    weights = 1 / torch.bincount(labels)[labels] if remedy.balanced else None
    fit(model, examples, steps=STEPS, seed=seed, weights=weights)
    guessed, true, classes = guesses(model, rows["test"])
    right = np.array(guessed) == np.array(true)
    recalls = [float(right[np.array(true) == k].mean()) for k in range(classes)]
    return {"rare_recall": float(np.mean(recalls[-RARE:])), **scores(guessed, true, classes)}
