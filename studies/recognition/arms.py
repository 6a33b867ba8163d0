"""Which modalities, fusions and features recognize degraded digits: a table with one row for each arm.

A cell is one small model trained from scratch with one seed, tested on clean and on degraded digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmzoo_recognition.augment import augmented
from mmzoo_recognition.evaluate import DATA, TESTS, scores
from mmzoo_recognition.examples import Labelled
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo.interfaces import ALONE, Losses, TrainingState
from studies.recognition.cells import cell
from studies.recognition.training import ALL, MODEL, SEEDS, WIDTH, fit, fused, tested

STEPS = 600


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Args:
        name: As the table shows it.
        modalities: Which of image, speech and text it sees.
        overrides: Overrides of MODEL; empty for a baseline that is not an mmzoo model.
        side: Pixels of a picture's side.
        steps: Training steps; 0 for the support vector machine, which has no seeds.
    """

    name: str
    modalities: tuple[str, ...]
    overrides: dict[str, Any] = field(default_factory=dict)
    side: int = 32
    steps: int = STEPS

    @property
    def tries(self) -> int:
        """Number of seeds: all for cheap arms, two for fusions and for features of other models."""
        return 1 if self.steps == 0 else 2 if self.side > 32 or len(self.modalities) > 1 else len(SEEDS)


def with_features(model: str, encoder: dict[str, Any]) -> dict[str, Any]:
    """Overrides of MODEL whose image encoder reads the features of another model instead of pixels."""
    return {**fused("late", ("image",)), "image": encoder, "image_model": {"model": model}, "side": 64}


def arms() -> tuple[Arm, ...]:
    """All rows: each modality alone, each fusion, multi-task learning, features of other models, and two baselines."""
    alone = tuple(Arm(f"{name} alone", (name,), fused("late", (name,))) for name in ALL)
    fusions = ("concat", "weighted", "late", "cnn", "rnn", "cross-attention")
    together = tuple(Arm(f"{name} fusion", ALL, fused(name)) for name in fusions)
    codes = {"name": "codes", "codebook_sizes": [256] * 8, "width": WIDTH, "depth": 2}
    vectors = {"name": "vectors", "channels": 128, "width": WIDTH, "depth": 2}
    return (
        *alone,
        *together,
        Arm("multi-task on a shared trunk", ALL, fused("weighted", auxiliary=1.0)),
        Arm("image as VQ codes only", ("image",), with_features("vqvae-image", codes), side=64),
        Arm("image as DiT features", ("image",), with_features("vqvae-dit-digits", vectors), side=64),
        Arm("small CNN (image)", ("image",)),
        Arm("RBF SVM (image)", ("image",), steps=0),
    )


def table(seeds: Sequence[int] = SEEDS, folder: Path | None = None, chosen: Sequence[Arm] = ()) -> dict[str, Any]:
    """Mean scores of every arm over its seeds, on clean and on degraded digits.

    Args:
        seeds: The seeds to fill; an arm takes the first `tries` of them.
        folder: Where cells are kept; `studies/recognition` in mmzoo's cache by default.
        chosen: Only these arms; all by default.

    Returns:
        For each arm the scores by test (with the std of accuracy over seeds as `accuracy_spread`), the number of
        trained parameters, and the number of seeds.
    """
    folder = cache_dir() / "studies" / "recognition" if folder is None else folder
    cells: dict[str, list[dict[str, Any]]] = {}
    todo = [(arm, seed) for arm in chosen or arms() for seed in seeds[: arm.tries]]
    for arm, seed in tqdm(todo, desc="recognition table", unit="cell", disable=None):
        make = _support_vectors if arm.steps == 0 else partial(_trained, arm, seed)
        cells.setdefault(arm.name, []).append(cell({"arm": asdict(arm), "seed": seed}, folder, make))
    return {name: _summary(rows) for name, rows in cells.items()}


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for test in TESTS:
        values = {key: [row[test][key] for row in rows] for key in rows[0][test]}
        out[test] = {key: float(np.mean(some)) for key, some in values.items()}
        out[test]["accuracy_spread"] = float(np.std(values["accuracy"]))
    return out | {"parameters": rows[0]["parameters"], "seeds": len(rows)}


def _trained(arm: Arm, seed: int) -> dict[str, Any]:
    rows = load_dataset_component(DATA, side=arm.side)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **arm.overrides) if arm.overrides else SmallCNN()
    fit(model, model.examples(rows["train"], Path()), steps=arm.steps, seed=seed)
    return {
        **{name: tested(model, rows[split]) for name, split in TESTS.items()},
        "parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }


class SmallCNN(nn.Module):
    """A standard small CNN: three convolutions with batch norm and pooling, and a linear classifier.

    Args:
        width: Channels after the first convolution; twice as many after the others.
        classes: Number of classes.
        side: Pixels of a picture's side.
    """

    def __init__(self, *, width: int = 48, classes: int = 10, side: int = 32) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 2 * width)
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
                for i, o in pairwise(sizes)
            )
        )
        self.classify = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(2 * width * (side // 8) ** 2, classes))
        self.side = side

    def examples(self, rows: Any, cache: Path) -> Labelled:
        """Pictures and labels of the rows."""
        return Labelled(rows, ("image",), [], side=self.side, sample_rate=16000)

    def encoded(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Pixels from -1 to 1, `[B, 3, H, W]`."""
        pixels = batch["image"].float() / 255 if batch["image"].dtype == torch.uint8 else batch["image"]
        return pixels.permute(0, 3, 1, 2) * 2 - 1

    def logits(self, pixels: Tensor) -> Tensor:
        """`[B, classes]`."""
        out: Tensor = self.classify(self.convolutions(pixels))
        return out

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy on pictures, augmented as in the other arms."""
        moved = augmented({"image": batch["image"]}, generator)
        return Losses(F.cross_entropy(self.logits(self.encoded(moved)), batch["label"]))


def _support_vectors() -> dict[str, Any]:
    """A support vector machine with radial basis functions, on the same training pictures at 8 x 8 pixels."""
    rows = load_dataset_component(DATA, side=8, speech=False)

    def flat(split: str) -> tuple[Any, list[int]]:
        examples = Labelled(rows[split], ("image",), [], side=8, sample_rate=16000)
        return torch.stack(examples.parts["image"])[..., 0].flatten(1).numpy() / 255, examples.labels

    machine = SVC(C=10.0, gamma=0.25).fit(*flat("train"))
    predicted = {name: (machine.predict(flat(split)[0]), flat(split)[1]) for name, split in TESTS.items()}
    return {
        **{name: scores(guessed, labels, 10) for name, (guessed, labels) in predicted.items()},
        "parameters": int(machine.support_vectors_.size),
    }
