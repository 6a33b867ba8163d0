"""Which modalities, fusions and features recognise degraded digits: a table that is filled cell by cell.

A cell is one small model trained from nothing with one seed, and how it does on clean and degraded test digits. Cells
are kept as files in the cache, so a table that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo.errors import MissingDependencyError
from mmzoo.interfaces import Examples, Losses
from mmzoo.system import write_whole
from mmzoo_recognition.augment import augmented
from mmzoo_recognition.examples import Labelled

VERSION = 1
"""Of the study; another version fills another table."""
SEEDS = (0, 1, 2, 3, 4)
STEPS, BATCH, RATE = 600, 64, 2e-3
WIDTH = 96
PLAIN: dict[str, Any] = {
    "image_model": None, "speech_model": None, "width": WIDTH, "classes": 10, "side": 32, "drop": 0.3, "auxiliary": 0.0,
    "focal": 0.0, "balance": "none", "augment": True,
}  # fmt: skip
DATA = "degraded-digits"
TESTS = {"whole": "test", "degraded": "test_degraded"}
"""Every arm trains on digits degraded to all degrees; it is tested on whole ones and on the most degraded."""

ENCODERS: dict[str, dict[str, Any]] = {
    "image": {"name": "image-conv", "widths": [32, 64, WIDTH], "depth": 1},
    "speech": {"name": "speech-transformer", "width": WIDTH, "depth": 2, "channels": 16},
    "text": {"name": "bytes", "width": WIDTH, "depth": 1},
}
ALL = tuple(ENCODERS)


@dataclass(frozen=True)
class Arm:
    """One row of the table. overrides: of MODEL; none for what is no mmzoo model. steps: 0 for what has no seeds."""

    name: str
    modalities: tuple[str, ...]
    overrides: dict[str, Any] = field(default_factory=dict)
    side: int = 32
    steps: int = STEPS

    @property
    def tries(self) -> int:
        """With how many seeds it is trained: cheap arms with all, fusions and features of other models with two."""
        return 1 if self.steps == 0 else 2 if self.side > 32 or len(self.modalities) > 1 else len(SEEDS)


MODEL = "vqvae-dit-recognition"
"""Every arm is this model with other parts, and fresh parameters."""


def fused(name: str, modalities: tuple[str, ...] = ALL, **head: Any) -> dict[str, Any]:
    """The overrides that make it a fusion of plain encoders."""
    return {
        **PLAIN,
        **{modality: ENCODERS[modality] if modality in modalities else None for modality in ALL},
        "fusion": {"name": name, "widths": dict.fromkeys(modalities, WIDTH), "width": WIDTH},
        **head,
    }


def looking_through(model: str, encoder: dict[str, Any]) -> dict[str, Any]:
    """The overrides that show it pictures as another model sees them."""
    return {**fused("late", ("image",)), "image": encoder, "image_model": {"model": model}, "side": 64}


def arms() -> tuple[Arm, ...]:
    """All rows: each modality alone, each fusion, multi-task learning, and features of the zoo's own models."""
    alone = tuple(Arm(f"{name} alone", (name,), fused("late", (name,))) for name in ALL)
    fusions = ("concat", "weighted", "late", "cnn", "rnn", "cross-attention")
    together = tuple(Arm(f"{name} fusion", ALL, fused(name)) for name in fusions)
    codes = {"name": "codes", "codebook_sizes": [256] * 8, "width": WIDTH, "depth": 2}
    vectors = {"name": "vectors", "channels": 128, "width": WIDTH, "depth": 2}
    return (
        *alone,
        *together,
        Arm("multi-task on a shared trunk", ALL, fused("weighted", auxiliary=1.0)),
        Arm("image as VQ codes only", ("image",), looking_through("vqvae-image", codes), side=64),
        Arm("image as DiT features", ("image",), looking_through("vqvae-dit-digits", vectors), side=64),
        Arm("small CNN (image)", ("image",)),
        Arm("RBF SVM (image)", ("image",), steps=0),
    )


def scores(guessed: Sequence[int], labels: Sequence[int], classes: int) -> dict[str, float]:
    """Accuracy, macro recall and macro F1."""
    a, b = np.asarray(guessed), np.asarray(labels)
    recalls, f1s = [], []
    for k in range(classes):
        hits, asked, said = int(((a == k) & (b == k)).sum()), int((b == k).sum()), int((a == k).sum())
        recalls.append(hits / max(1, asked))
        f1s.append(2 * hits / max(1, asked + said))
    return {
        "accuracy": float((a == b).mean()),
        "macro_recall": float(np.mean(recalls)),
        "macro_f1": float(np.mean(f1s)),
    }


def table(chosen: Sequence[Arm], seeds: Sequence[int] = SEEDS, folder: Path | None = None) -> dict[str, Any]:
    """The mean of every arm over the seeds, on whole and on degraded digits, each with its spread over the seeds."""
    folder = cache_dir() / "studies" / "recognition" if folder is None else folder
    found: dict[str, Any] = {}
    todo = [(arm, seed) for arm in chosen for seed in seeds[: arm.tries]]
    for arm, seed in tqdm(todo, desc="recognition table", unit="cell", disable=None):
        found.setdefault(arm.name, []).append(cell(arm, seed, folder))
    return {name: _summary(rows) for name, rows in found.items()}


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for test in ("whole", "degraded"):
        values = {key: [row[test][key] for row in rows] for key in rows[0][test]}
        out[test] = {key: float(np.mean(some)) for key, some in values.items()}
        out[test]["accuracy_spread"] = float(np.std(values["accuracy"]))
    return out | {"parameters": rows[0]["parameters"], "seeds": len(rows)}


def cell(arm: Arm, seed: int, folder: Path) -> dict[str, Any]:
    """One arm with one seed, read from its file if it was done before."""
    make = _judged_by_svm if arm.steps == 0 else lambda: _trained(arm, seed)
    return filled({"arm": asdict(arm), "seed": seed}, folder, make)


def filled(of: Mapping[str, Any], folder: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A cell by what it is of, JSON: read from its file, or made and written there."""
    settings = {**of, "version": VERSION, "batch": BATCH, "rate": RATE}
    digest = blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()
    path = folder / f"{digest}.json"
    if path.exists():
        return dict(json.loads(path.read_text("utf-8"))["result"])
    result = make()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({**settings, "result": result}, indent=1))
    return result


def _trained(arm: Arm, seed: int) -> dict[str, Any]:
    rows = load_dataset_component(DATA, side=arm.side)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **arm.overrides) if arm.overrides else SmallCNN()
    fit(model, model.examples(rows["train"], Path()), steps=arm.steps, seed=seed)
    return {
        **{name: tested(model, rows[split]) for name, split in TESTS.items()},
        "parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    }


def fit(
    model: Any, examples: Examples, *, steps: int, seed: int, shares: Tensor | None = None, batch_size: int = BATCH
) -> None:
    """Train on batches drawn at random: AdamW, a tenth of the steps to warm up, then a cosine to nothing.

    shares: `[len(examples)]`, how often each example is drawn beside the others; evenly without them.
    """
    shares = torch.ones(len(examples)) if shares is None else shares
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02, betas=(0.9, 0.98))
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / warm, 0.5 + 0.5 * np.cos(np.pi * min(1.0, n / steps)))
    )
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(steps):
        chosen = torch.multinomial(shares, batch_size, replacement=True, generator=generator).tolist()
        batch = examples.collate([examples.example(i, generator) for i in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            losses = model.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


@torch.inference_mode()
def tested(model: Any, rows: Any) -> dict[str, float]:
    """Scores of a model on rows, from all the modalities that it knows."""
    examples = model.examples(rows, Path())
    guessed: list[int] = []
    for start in range(0, len(examples), BATCH):
        batch = examples.collate(list(range(start, min(start + BATCH, len(examples)))))
        guessed += model.logits(model.encoded(batch)).argmax(-1).tolist()
    return scores(guessed, examples.labels, len(examples.names))


class SmallCNN(nn.Module):
    """The usual small network for digits: three convolutions with batch norm and pooling, two linear layers."""

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
        """Pictures and labels."""
        return Labelled(rows, ("image",), [], side=self.side, sample_rate=16000)

    def encoded(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Pixels of -1 to 1, `[B, 3, H, W]`."""
        pixels = batch["image"].float() / 255 if batch["image"].dtype == torch.uint8 else batch["image"]
        return pixels.permute(0, 3, 1, 2) * 2 - 1

    def logits(self, pixels: Tensor) -> Tensor:
        """`[B, classes]`."""
        out: Tensor = self.classify(self.convolutions(pixels))
        return out

    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        """Cross-entropy on pictures augmented as for the others."""
        moved = augmented({"image": batch["image"]}, generator)
        return Losses(F.cross_entropy(self.logits(self.encoded(moved)), batch["label"]))


def _judged_by_svm() -> dict[str, Any]:
    """A support vector machine with radial basis functions, on the same training pictures at 8 x 8."""
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise MissingDependencyError(
            "The table's support vector machine is scikit-learn's; run: pip install scikit-learn"
        ) from error

    rows = load_dataset_component(DATA, side=8, speech=False)

    def flat(split: str) -> tuple[Any, list[int]]:
        found = Labelled(rows[split], ("image",), [], side=8, sample_rate=16000)
        return torch.stack(found.parts["image"])[..., 0].flatten(1).numpy() / 255, found.labels

    machine = SVC(C=10.0, gamma=0.25).fit(*flat("train"))
    judged = {name: (machine.predict(flat(split)[0]), flat(split)[1]) for name, split in TESTS.items()}
    return {
        **{name: scores(guessed, labels, 10) for name, (guessed, labels) in judged.items()},
        "parameters": int(machine.support_vectors_.size),
    }
