"""Classes of which a hundred times fewer examples are known than of others, and what helps to recall them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo_recognition.study import MODEL, SEEDS, WIDTH, filled, fit, fused, scores

RATIO = 100.0
RARE = 3
"""How many of the ten classes count as rare: the last ones."""
STEPS, SIDE = 300, 32


@dataclass(frozen=True)
class Remedy:
    """head: settings of the recognition head. balanced: every class is drawn as often as any other."""

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
    """Which examples to keep so that the last class has `ratio` times fewer than the first, at least one.

    Numbers fall by the same factor from class to class (Cui et al., arXiv 1901.05555).
    """
    names = sorted(set(labels))
    most = min(sum(label == name for label in labels) for name in names)
    kept = []
    for rank, name in enumerate(names):
        count = max(1, round(most * ratio ** (-rank / max(1, len(names) - 1))))
        kept += [index for index, label in enumerate(labels) if label == name][:count]
    return sorted(kept)


def imbalance(seeds: Sequence[int] = SEEDS, folder: Path | None = None) -> dict[str, Any]:
    """Recall of the rare classes, of all, and accuracy on balanced test digits, for each remedy over the seeds."""
    folder = cache_dir() / "studies" / "imbalance" if folder is None else folder
    found: dict[str, Any] = {}
    todo = [(remedy, seed) for remedy in REMEDIES for seed in seeds]
    for remedy, seed in tqdm(todo, desc="rare classes", unit="cell", disable=None):
        settings = {"remedy": asdict(remedy), "seed": seed, "steps": STEPS, "ratio": RATIO}
        row = filled(settings, folder, lambda remedy=remedy, seed=seed: _trained(remedy, seed))  # type: ignore[misc]
        found.setdefault(remedy.name, []).append(row)
    return {name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for name, rows in found.items()}


def _trained(remedy: Remedy, seed: int) -> dict[str, Any]:
    rows = load_dataset_component("spoken-digits", side=SIDE, speech=False)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **{**fused("late", ("image",)), "width": WIDTH, **remedy.head})
    examples = model.examples(rows["train"].select(long_tail(rows["train"]["label"])), Path())
    labels = torch.tensor(examples.labels)
    shares = 1 / torch.bincount(labels)[labels] if remedy.balanced else None
    fit(model, examples, steps=STEPS, seed=seed, shares=shares)
    test = model.examples(rows["test"], Path())
    with torch.inference_mode():
        batches = [test.collate(list(range(i, min(i + 100, len(test))))) for i in range(0, len(test), 100)]
        guessed = [one for batch in batches for one in model.logits(model.encoded(batch)).argmax(-1).tolist()]
    recall = [
        float(np.mean([guess == label for guess, label in zip(guessed, test.labels, strict=True) if label == k]))
        for k in range(len(test.names))
    ]
    return {"rare_recall": float(np.mean(recall[-RARE:])), **scores(guessed, test.labels, len(test.names))}
