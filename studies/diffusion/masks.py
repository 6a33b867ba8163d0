"""Masks from few labels: the features of a trained generator, of an untrained one, and a U-Net of equal size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmzoo_recognition.evaluate_segmentation import guesses
from mmzoo_recognition.masks import classes_of, read_mask
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo.evaluation.masks import Overlaps
from mmzoo.evaluation.pictures import pictures_of
from mmzoo.evaluation.tables import percent, points, table
from studies.recognition.cells import cell
from studies.recognition.training import fit

LABELS = (20, 100, 4000)
SEEDS, STEPS, BATCH, SIDE = (0,), 300, 32, 64
UNET, DIT = "unet-segmentation", "dit-segmentation"


@dataclass(frozen=True)
class World:
    """A dataset, and the arms on it.

    Args:
        name: The dataset.
        classes: Number of its classes.
        generator: The model whose features are tried.
        channels: Channels of its features at one depth and two times.
    """

    name: str
    classes: int
    generator: str
    channels: int


@dataclass(frozen=True)
class Arm:
    """One row for each number of labels.

    Args:
        name: As the table shows it.
        model: The model that is trained with fresh parameters.
        overrides: Changes to its recipe.
    """

    name: str
    model: str
    overrides: dict[str, Any] = field(default_factory=dict)


WORLDS = (
    World("segmented-scenes", 7, "vqvae-dit-text2image", 512),
    World("segmented-digits", 11, "vqvae-dit-digits", 256),
)


def arms(world: World) -> tuple[Arm, ...]:
    """The U-Net, which the others are compared with, and the features of the generator, trained or not.

    The blocks of an untrained DiT are the identity (adaLN-zero), so its features are a linear map of the noisy latents.
    """
    features = {"classes": world.classes, "channels": world.channels}
    model = {"model": world.generator}
    return (
        Arm("U-Net", UNET, {"classes": world.classes}),
        Arm("features of the trained DiT", DIT, {**features, "image_model": model}),
        Arm(
            "patches of noisy latents (untrained DiT)", DIT, {**features, "image_model": {**model, "pretrained": False}}
        ),
    )


def masks(folder: Path | None = None, worlds: Sequence[World] = WORLDS, **smaller: Any) -> str:
    """A table for each world as Markdown.

    Args:
        folder: Where cells are kept; `studies/diffusion` in mmzoo's cache by default.
        worlds: The worlds.
        smaller: Other `labels`, `seeds`, `steps`, and sizes of splits as `data`, for a test.
    """
    folder = cache_dir() / "studies" / "diffusion" if folder is None else folder
    return "\n\n".join(f"`{world.name}`:\n\n{_table(world, folder, **smaller)}" for world in worlds)


def _table(
    world: World,
    folder: Path,
    labels: Sequence[int] = LABELS,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    data: Mapping[str, int] | None = None,
) -> str:
    rows: list[list[str]] = []
    names: list[str] = []
    for count in labels:
        base: Overlaps | None = None
        for arm in arms(world):
            results = [
                cell(
                    {
                        "study": "masks", "world": asdict(world), "arm": asdict(arm), "labels": count, "seed": seed,
                        "steps": steps, "masks_in_batch": BATCH, "data": dict(data or {}),
                    },
                    folder,
                    partial(_trained, world, arm, count, seed, steps, dict(data or {})),
                )
                for seed in tqdm(seeds, desc=f"{world.name}, {arm.name}, {count} labels", disable=None)
            ]  # fmt: skip
            names = results[0]["names"]
            found = _pooled(results)
            base = found if base is None else base
            report = found.report(names)
            gain = "" if found is base else points(found.gain(base))
            rows.append(
                [
                    arm.name, f"{results[0]['parameters']:,}", str(count), _shown(report["mean"]), gain,
                    *(_shown(report[name]) if name in report else "-" for name in names),
                ]
            )  # fmt: skip
    header = ["arm", "trained parameters", "labels", "mean IoU % (95 %)", "against the U-Net, points", *names]
    return table(header, rows)


def _shown(row: Mapping[str, float]) -> str:
    return f"{percent(row, 'iou')} ({percent(row, 'low')} to {percent(row, 'high')})"


def _pooled(results: Sequence[Mapping[str, Any]]) -> Overlaps:
    """The pixels of all seeds, picture by picture."""
    both, either = (np.array([result[key] for result in results], np.int64).sum(axis=0) for key in ("both", "either"))
    return Overlaps(both, either)


def _trained(world: World, arm: Arm, labels: int, seed: int, steps: int, data: Mapping[str, int]) -> dict[str, Any]:
    rows = load_dataset_component(world.name, side=SIDE, **{**data, "train": labels})
    torch.manual_seed(seed)
    model: Any = mmzoo.create(arm.model, pretrained=False, **arm.overrides)
    fit(model, model.examples(rows["train"], cache_dir() / "features"), steps=steps, seed=seed, batch_size=BATCH)
    names = classes_of(rows["test"])
    true = [read_mask(cell, (SIDE, SIDE), len(names)) for cell in rows["test"]["mask"]]
    found = Overlaps.of(true, guesses(model, pictures_of(rows["test"])), len(names))
    return {
        "names": names,
        "both": found.both.tolist(),
        "either": found.either.tolist(),
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
