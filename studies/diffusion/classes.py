"""A diffusion classifier on the real digits, beside a CNN, a support vector machine and a probe of the same generator.

All arms learn from the same 1,197 digits and see none of the degradations; each gets a temperature fitted on the 200
validation digits, so that their probabilities can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmzoo_recognition.diffusion import evaluations, pruned
from mmzoo_recognition.examples import Labelled, pixels_of
from mmzoo_recognition.robustness import DEGRADATIONS, reliability
from sklearn.svm import SVC
from torch import Tensor
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo.evaluation.tables import percent, table
from mmzoo.interfaces import Image
from studies.recognition.arms import SmallCNN, with_features
from studies.recognition.cells import cell
from studies.recognition.training import MODEL, WIDTH, fit

GENERATOR, CLASSIFIER = "vqvae-dit-digits", "dit-digits-classifier"
SIDE, SEEDS, STEPS = 64, (0, 1, 2), 600
TEMPERATURES = np.geomspace(1e-4, 1e2, 241)
Scored = Callable[[Sequence[Image]], tuple[Tensor, float]]
"""Pictures to logits `[N, classes]` and evaluations of a network for each picture."""


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Args:
        name: As the table shows it.
        make: From a seed to a scorer and its number of parameters; the arm is trained here.
        seeds: Its seeds.
    """

    name: str
    make: Callable[[int], tuple[Scored, int]]
    seeds: tuple[int, ...] = (0,)


def arms(limit: int | None = None) -> tuple[Arm, ...]:
    """All rows; `limit` keeps that many training digits, for a test."""
    return (
        *(
            Arm(f"diffusion classifier, {draws} draws{title}", partial(_diffusion, draws, budget))
            for draws, budget, title in ((32, None, ""), (32, 96, ", budget 96"), (8, None, ""))
        ),
        Arm("DiT probe", partial(_probe, limit), SEEDS),
        Arm("small CNN", partial(_cnn, limit), SEEDS),
        Arm("RBF SVM", partial(_support_vectors, limit)),
    )


def classes(folder: Path | None = None, chosen: Sequence[Arm] = (), limit: int | None = None) -> str:
    """The table as Markdown.

    Args:
        folder: Where cells are kept; `studies/diffusion` in mmzoo's cache by default.
        chosen: Only these arms; all by default.
        limit: Number of validation and test digits; None for all.
    """
    folder = cache_dir() / "studies" / "diffusion" if folder is None else folder
    rows = []
    for arm in chosen or arms():
        results = [
            cell(
                {"study": "classes", "arm": arm.name, "seed": seed, "steps": STEPS, "limit": limit},
                folder,
                partial(_scores, arm, seed, limit),
            )
            for seed in tqdm(arm.seeds, desc=arm.name, disable=None)
        ]
        for name in DEGRADATIONS:
            mean = {key: float(np.mean([r[name][key] for r in results])) for key in results[0][name]}
            shown = f"{percent(mean, 'accuracy')} ({percent(mean, 'accuracy_low')} to {percent(mean, 'accuracy_high')})"
            first = [arm.name, f"{results[0]['parameters']:,}"] if name == "clean" else ["", ""]
            cost = [f"{results[0]['evaluations']:.0f}"] if name == "clean" else [""]
            rows.append([*first, name, shown, percent(mean, "ece"), f"{mean['nll']:.3f}", *cost])
    header = ["arm", "parameters", "digits", "accuracy % (95 %)", "ECE %", "NLL", "evaluations for each picture"]
    return table(header, rows)


def _scores(arm: Arm, seed: int, limit: int | None) -> dict[str, Any]:
    """Scores of an arm by degradation, with a temperature from the clean validation digits."""
    data = load_dataset_component("spoken-digits", side=SIDE, speech=False)
    score, parameters = arm.make(seed)
    pictures, labels = _pictures(data["validation"], limit)
    temperature = fitted_temperature(score(_images(pictures))[0], torch.tensor(labels))
    pictures, labels = _pictures(data["test"], limit)
    result: dict[str, Any] = {"parameters": parameters, "temperature": temperature}
    for name, change in DEGRADATIONS.items():
        logits, result["evaluations"] = score(_images(change(pictures)))
        result[name] = reliability((logits.double() / temperature).softmax(-1), labels)
    return result


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of TEMPERATURES with the smallest cross-entropy (Guo et al., arXiv 1706.04599)."""
    losses = [F.cross_entropy(logits.double() / float(one), labels).item() for one in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _pictures(rows: Any, limit: int | None) -> tuple[Tensor, list[int]]:
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    return torch.stack([pixels_of(cell, SIDE) for cell in rows["image"]]), [int(label) for label in rows["label"]]


def _images(pixels: Tensor) -> list[Image]:
    return [Image(one.numpy()) for one in pixels]


def _training(side: int, limit: int | None) -> Any:
    rows = load_dataset_component("spoken-digits", side=side, speech=False)["train"]
    return rows if limit is None else rows.select(range(limit))


def _diffusion(draws: int, budget: int | None, seed: int) -> tuple[Scored, int]:
    model = _classifier()
    spent = model.draws * len(model.prompts) if budget is None else budget

    def seen(pixels: Tensor) -> Tensor:
        full = _errors(pixels.numpy().tobytes())
        return pruned(lambda kept, start, end: full[kept, start:end], len(full), draws, spent)

    def score(images: Sequence[Image]) -> tuple[Tensor, float]:
        errors = [seen(pixels_of(image, SIDE)) for image in tqdm(images, desc="denoising", disable=None)]
        with torch.no_grad():
            return model.logits(torch.stack(errors)), float(np.mean([evaluations(one) for one in errors]))

    return score, sum(p.numel() for p in model.generator.backbone.parameters())


@cache
def _classifier() -> Any:
    return mmzoo.create(CLASSIFIER, pretrained=False, temperature=1.0)


@cache
def _errors(pixels: bytes) -> Tensor:
    """The errors of a picture under all classes and draws, from which fewer draws and pruning choose some."""
    picture = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(SIDE, SIDE, 3)
    return _classifier().errors(picture)  # type: ignore[no-any-return]


def _probe(limit: int | None, seed: int) -> tuple[Scored, int]:
    torch.manual_seed(seed)
    vectors = {"name": "vectors", "channels": 128, "width": WIDTH, "depth": 2}
    model: Any = mmzoo.create(MODEL, pretrained=False, **with_features(GENERATOR, vectors))
    fit(model, model.examples(_training(SIDE, limit), Path()), steps=STEPS, seed=seed)
    return partial(_by_encoder, model), sum(p.numel() for p in model.parameters() if p.requires_grad)


def _cnn(limit: int | None, seed: int) -> tuple[Scored, int]:
    torch.manual_seed(seed)
    model = SmallCNN()
    fit(model, model.examples(_training(model.side, limit), Path()), steps=STEPS, seed=seed)
    return partial(_by_encoder, model), sum(p.numel() for p in model.parameters())


@torch.no_grad()
def _by_encoder(model: Any, images: Sequence[Image]) -> tuple[Tensor, float]:
    batch = {"image": torch.stack([pixels_of(image, model.side) for image in images])}
    return model.logits(model.encoded(batch)).float(), 1.0


def _support_vectors(limit: int | None, seed: int) -> tuple[Scored, int]:
    def flat(images: Sequence[Any]) -> Any:
        return torch.stack([pixels_of(image, 8) for image in images])[..., 0].flatten(1).numpy() / 255

    rows = _training(SIDE, limit)
    examples = Labelled(rows, ("image",), [], side=8, sample_rate=16000)
    machine = SVC(C=10.0, gamma=0.25, decision_function_shape="ovr").fit(flat(rows["image"]), examples.labels)

    def score(images: Sequence[Image]) -> tuple[Tensor, float]:
        return torch.from_numpy(machine.decision_function(flat(images))), 1.0

    return score, int(machine.support_vectors_.size)
