"""Spoken words learned from few labels: what speech of the zoo's own models, and trunks from image tokens, give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

import mmzoo
from mmzoo.data import cache_dir, load_dataset_component
from mmzoo_recognition.clips import CLIPS, TELLER, TTS, clips
from mmzoo_recognition.spec_augment import SpecAugment
from mmzoo_recognition.study import MODEL, SEEDS, filled, fit, fused, tested
from mmzoo_recognition.trunks import BATCH, TRUNK_STEPS, Kind, MaskedCodes, picture_codes, plant, trunk

DATA, CLASSES = "spoken-words", 12
BUDGETS = {0.01: 5, 0.05: 5, 0.1: 3, 1.0: 3}
"""Shares of the training words whose labels are known, and how many seeds each is tried with."""
STEPS = 300
MOST_STEPS = 4 * STEPS
"""However many a trunk's training would pay for."""
BASELINE, COMPARED = "equal compute", 0.05


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    spec_augment: hide spans of the log-mel in training. clips: the model that says half of every batch. trunk: what
    the encoder's blocks have learned from before. longer: train for as many steps more as a trunk's training costs.
    """

    name: str
    spec_augment: bool = False
    clips: str | None = None
    trunk: Kind | None = None
    longer: bool = False


ARMS = (
    Arm("scratch"),
    Arm("SpecAugment", spec_augment=True),
    Arm("+ speech from TTS", clips=TTS),
    Arm("+ speech from image->speech", clips=TELLER),
    Arm("trunk from image tokens", trunk="image tokens"),
    Arm("trunk from shuffled image tokens", trunk="shuffled image tokens"),
    Arm(BASELINE, longer=True),
)


def sampled(labels: Sequence[str], budget: float, seed: int) -> list[int]:
    """Which examples to label: a share of all, as many of each class as can be, at least one; drawn by the seed.

    What a smaller budget has, a larger one of the same seed has too.
    """
    count = max(len(set(labels)), round(budget * len(labels)))
    order = [int(index) for index in np.random.default_rng(seed).permutation(len(labels))]
    turn: dict[int, int] = {}
    seen: dict[str, int] = {}
    for index in order:
        turn[index] = seen[labels[index]] = seen.get(labels[index], 0) + 1
    return sorted(sorted(order, key=lambda index: turn[index])[:count])


def few_labels(seeds: Sequence[int] = SEEDS, folder: Path | None = None) -> dict[str, Any]:
    """`error`: of each arm at each budget, the share of words of unseen voices that are taken for others, over seeds.

    `change`: at COMPARED, how errors differ from BASELINE's as a share of them, with a 95 % interval by a bootstrap
    over pairs of one seed. seeds: those to fill, of which a budget takes the ones below its number in BUDGETS; several
    processes may fill different ones. Raises DataError where the words, and what `mmzoo.create` raises where a model,
    cannot be had.
    """
    folder = cache_dir() / "studies" / "few-labels" if folder is None else folder
    todo = [(arm, budget, seed) for seed in seeds for budget, n in BUDGETS.items() if seed < n for arm in ARMS]
    found: dict[tuple[str, float], list[float]] = {}
    for arm, budget, seed in tqdm(todo, desc="few labels", unit="cell", disable=None):
        settings = {
            "arm": asdict(arm), "budget": budget, "seed": seed, "steps": STEPS, "trunk_steps": TRUNK_STEPS,
            "clips": CLIPS, "batch_size": BATCH,
        }  # fmt: skip
        row = filled(settings, folder, partial(_trained, arm, budget, seed, folder))
        found.setdefault((arm.name, budget), []).append(row["error"])
    return {
        "error": {
            arm.name: {
                f"{budget:.0%}": {"mean": float(np.mean(some)), "spread": float(np.std(some)), "seeds": len(some)}
                for budget in BUDGETS
                if (some := found.get((arm.name, budget)))
            }
            for arm in ARMS
        },
        "change": {
            arm.name: change(found[arm.name, COMPARED], found[BASELINE, COMPARED])
            for arm in ARMS
            if arm.name != BASELINE and (arm.name, COMPARED) in found
        },
    }


def change(mine: Sequence[float], base: Sequence[float], *, draws: int = 2000) -> dict[str, float]:
    """mine over base, less 1, with its interval over pairs of one seed; nothing where a base is without errors."""
    a, b = np.asarray(mine), np.asarray(base)
    if not b.all():
        return {}
    picks = np.random.default_rng(0).integers(0, len(a), (draws, len(a)))
    low, high = np.quantile(a[picks].mean(1) / b[picks].mean(1) - 1, (0.025, 0.975))
    return {"share": float(a.mean() / b.mean() - 1), "low": float(low), "high": float(high)}


def _trained(arm: Arm, budget: float, seed: int, folder: Path) -> dict[str, Any]:
    rows = load_dataset_component(DATA)
    begun = None if arm.trunk is None else trunk(arm.trunk, seed, folder)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **fused("late", ("speech",), classes=CLASSES))
    if begun is not None:
        plant(begun, model.speech)
    if arm.spec_augment:
        model.speech.convolutions[0].register_forward_pre_hook(SpecAugment(seed))
    examples = model.examples(rows["train"].select(sampled(rows["train"]["label"], budget, seed)), Path())
    labelled = len(examples)
    shares = None if arm.clips is None else _with_clips(examples, *clips(arm.clips, model.names, folder, 16000))
    steps = min(MOST_STEPS, STEPS + worth(model, examples, folder)) if arm.longer else STEPS
    fit(model, examples, steps=steps, seed=seed, shares=shares, batch_size=BATCH)
    found = tested(model, rows["test"])
    more = {"labels": labelled, "clips": len(examples) - labelled, "steps": steps}
    return {"error": 1 - found["accuracy"], **found, **more}


def _with_clips(examples: Any, sounds: Sequence[Tensor], words: Sequence[str]) -> Tensor:
    """Put clips behind the examples; how often to draw each, half of them clips."""
    shares = [0.5 / len(examples)] * len(examples) + [0.5 / len(sounds)] * len(sounds)
    examples.parts["speech"] += sounds
    examples.lengths += [len(sound) for sound in sounds]
    examples.labels += [examples.names.index(word) for word in words]
    return torch.tensor(shares)


def worth(model: Any, examples: Any, folder: Path) -> int:
    """How many training steps of the model compute as much as the training of a trunk."""
    codes, sizes = picture_codes(folder)
    chosen = torch.randint(len(examples), (BATCH,), generator=torch.Generator().manual_seed(0)).tolist()
    own = flops(model, examples.collate(chosen))
    model.zero_grad()
    return round(TRUNK_STEPS * flops(MaskedCodes(sizes), {"codes": codes[torch.arange(BATCH) % len(codes)]}) / own)


def flops(model: Any, batch: Mapping[str, Tensor]) -> int:
    """Floating-point operations of one training step, forward and backward."""
    # The counter does not know the CPU's fused attention; the plain one has the same products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.training_step(batch, torch.Generator().manual_seed(0)).total.backward()
    return int(counter.get_total_flops())
