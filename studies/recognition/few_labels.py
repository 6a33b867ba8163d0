"""Spoken words learned from few labels: do synthetic speech and blocks pretrained on pictures reduce errors?"""

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
from studies.recognition.cells import cell
from studies.recognition.clips import CAPTIONER, CLIPS, TTS, clips
from studies.recognition.spec_augment import SpecAugment
from studies.recognition.training import MODEL, SEEDS, fit, fused, tested
from studies.recognition.trunks import BATCH, TRUNK_STEPS, Kind, MaskedCodes, picture_codes, plant, trunk

DATA, CLASSES = "spoken-words", 12
BUDGETS = {0.01: 5, 0.05: 5, 0.1: 3, 1.0: 3}
"""Fractions of the training words that are labeled, and the number of seeds for each."""
STEPS = 300
MOST_STEPS = 4 * STEPS
"""Upper limit on the steps of the arm that trains longer, even if a trunk's compute would allow more."""
BASELINE, COMPARED = "equal compute", 0.05


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Args:
        name: As the table shows it.
        spec_augment: Mask spans of the log-mel spectrogram in training.
        clips: The model that speaks half of every batch.
        trunk: What the encoder's blocks were pretrained on.
        longer: Add the number of steps that cost as much compute as pretraining a trunk.
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
    Arm("+ speech from image->speech", clips=CAPTIONER),
    Arm("trunk from image tokens", trunk="image tokens"),
    Arm("trunk from shuffled image tokens", trunk="shuffled image tokens"),
    Arm(BASELINE, longer=True),
)


def sampled(labels: Sequence[str], budget: float, seed: int) -> list[int]:
    """Indices of the examples that are labeled: balanced over classes, with at least one of each.

    The examples of a smaller budget are among those of a larger one with the same seed.

    Args:
        labels: The class of each example.
        budget: Fraction of the examples.
        seed: Of the draw.
    """
    count = max(len(set(labels)), round(budget * len(labels)))
    order = [int(index) for index in np.random.default_rng(seed).permutation(len(labels))]
    turn: dict[int, int] = {}
    seen: dict[str, int] = {}
    for index in order:
        turn[index] = seen[labels[index]] = seen.get(labels[index], 0) + 1
    return sorted(sorted(order, key=lambda index: turn[index])[:count])


def few_labels(seeds: Sequence[int] = SEEDS, folder: Path | None = None) -> dict[str, Any]:
    """Error rates on words of voices that training lacks.

    Args:
        seeds: The seeds to fill; a budget takes those below its number in BUDGETS.
        folder: Where cells are kept; `studies/few-labels` in mmzoo's cache by default.

    Returns:
        `error`: the error rate of each arm at each budget, mean and std (`spread`) over seeds. `change`: the relative
        change of errors against BASELINE at COMPARED, with a 95 % interval from a bootstrap over seeds, paired.

    Raises:
        DataError: The words cannot be synthesized.
        UnknownNameError: A model that a row needs is not installed.
    """
    folder = cache_dir() / "studies" / "few-labels" if folder is None else folder
    todo = [(arm, budget, seed) for seed in seeds for budget, n in BUDGETS.items() if seed < n for arm in ARMS]
    errors: dict[tuple[str, float], list[float]] = {}
    for arm, budget, seed in tqdm(todo, desc="few labels", unit="cell", disable=None):
        settings = {
            "arm": asdict(arm), "budget": budget, "seed": seed, "steps": STEPS, "trunk_steps": TRUNK_STEPS,
            "clips": CLIPS, "batch_size": BATCH,
        }  # fmt: skip
        row = cell(settings, folder, partial(_trained, arm, budget, seed, folder))
        errors.setdefault((arm.name, budget), []).append(row["error"])
    return {
        "error": {
            arm.name: {
                f"{budget:.0%}": {"mean": float(np.mean(some)), "spread": float(np.std(some)), "seeds": len(some)}
                for budget in BUDGETS
                if (some := errors.get((arm.name, budget)))
            }
            for arm in ARMS
        },
        "change": {
            arm.name: change(errors[arm.name, COMPARED], errors[BASELINE, COMPARED])
            for arm in ARMS
            if arm.name != BASELINE and (arm.name, COMPARED) in errors
        },
    }


def change(mine: Sequence[float], base: Sequence[float], *, draws: int = 2000) -> dict[str, float]:
    """Relative change of the mean of `mine` against `base`, with its 95 % interval by a bootstrap over pairs.

    Args:
        mine: Error rates, one for each seed.
        base: Error rates of the baseline with the same seeds.
        draws: Bootstrap samples.

    Returns:
        `share`, `low` and `high`; empty if the baseline has a seed without errors.
    """
    a, b = np.asarray(mine), np.asarray(base)
    if not b.all():
        return {}
    picks = np.random.default_rng(0).integers(0, len(a), (draws, len(a)))
    low, high = np.quantile(a[picks].mean(1) / b[picks].mean(1) - 1, (0.025, 0.975))
    return {"share": float(a.mean() / b.mean() - 1), "low": float(low), "high": float(high)}


def _trained(arm: Arm, budget: float, seed: int, folder: Path) -> dict[str, Any]:
    rows = load_dataset_component(DATA)
    pretrained = None if arm.trunk is None else trunk(arm.trunk, seed, folder)
    torch.manual_seed(seed)
    model: Any = mmzoo.create(MODEL, pretrained=False, **fused("late", ("speech",), classes=CLASSES))
    if pretrained is not None:
        plant(pretrained, model.speech)
    if arm.spec_augment:
        model.speech.convolutions[0].register_forward_pre_hook(SpecAugment(seed))
    examples = model.examples(rows["train"].select(sampled(rows["train"]["label"], budget, seed)), Path())
    labeled = len(examples)
    weights = None if arm.clips is None else _add_clips(examples, *clips(arm.clips, model.names, folder, 16000))
    steps = min(MOST_STEPS, STEPS + trunk_in_steps(model, examples, folder)) if arm.longer else STEPS
    fit(model, examples, steps=steps, seed=seed, weights=weights, batch_size=BATCH)
    result = tested(model, rows["test"])
    more = {"labels": labeled, "clips": len(examples) - labeled, "steps": steps}
    return {"error": 1 - result["accuracy"], **result, **more}


def _add_clips(examples: Any, sounds: Sequence[Tensor], words: Sequence[str]) -> Tensor:
    """Append clips to the examples; returns the weights with which half of every batch is clips."""
    weights = [0.5 / len(examples)] * len(examples) + [0.5 / len(sounds)] * len(sounds)
    examples.parts["speech"] += sounds
    examples.lengths += [len(sound) for sound in sounds]
    examples.labels += [examples.names.index(word) for word in words]
    return torch.tensor(weights)


def trunk_in_steps(model: Any, examples: Any, folder: Path) -> int:
    """The number of training steps of the model that cost as many FLOPs as pretraining a trunk."""
    codes, sizes = picture_codes(folder)
    chosen = torch.randint(len(examples), (BATCH,), generator=torch.Generator().manual_seed(0)).tolist()
    own = flops(model, examples.collate(chosen))
    model.zero_grad()
    return round(TRUNK_STEPS * flops(MaskedCodes(sizes), {"codes": codes[torch.arange(BATCH) % len(codes)]}) / own)


def flops(model: Any, batch: Mapping[str, Tensor]) -> int:
    """Floating-point operations of one training step, forward and backward."""
    # The counter does not support the CPU's fused attention; the math backend has the same matrix products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.training_step(batch, torch.Generator().manual_seed(0)).total.backward()
    return int(counter.get_total_flops())
