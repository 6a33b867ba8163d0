"""Training and testing for the studies: one small recognizer with varying parts, and one short training loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmzoo_recognition.evaluate import scores
from torch import Tensor, nn

from mmzoo.interfaces import Examples

MODEL = "vqvae-dit-recognition"
"""Every recognizer of the studies is this model with other parts and fresh parameters."""
SEEDS = (0, 1, 2, 3, 4)
BATCH, RATE = 64, 2e-3
WIDTH = 96
PLAIN: dict[str, Any] = {
    "image_model": None, "speech_model": None, "width": WIDTH, "classes": 10, "side": 32, "drop": 0.3, "auxiliary": 0.0,
    "focal": 0.0, "balance": "none", "augment": True,
}  # fmt: skip
ENCODERS: dict[str, dict[str, Any]] = {
    "image": {"name": "image-conv", "widths": [32, 64, WIDTH], "depth": 1},
    "speech": {"name": "speech-transformer", "width": WIDTH, "depth": 2, "channels": 16},
    "text": {"name": "bytes", "width": WIDTH, "depth": 1},
}
ALL = tuple(ENCODERS)


def fused(name: str, modalities: tuple[str, ...] = ALL, **head: Any) -> dict[str, Any]:
    """Overrides of MODEL: a fusion of small encoders.

    Args:
        name: The fusion's name.
        modalities: Which of image, speech and text have an encoder.
        head: Settings of the recognition head that differ from PLAIN.
    """
    return {
        **PLAIN,
        **{modality: ENCODERS[modality] if modality in modalities else None for modality in ALL},
        "fusion": {"name": name, "widths": dict.fromkeys(modalities, WIDTH), "width": WIDTH},
        **head,
    }


# The engine of mmzoo.training draws batches without replacement, and its order, seeds, averages and learning rates
# differ from these. The published tables come from almost 200 models trained by this loop; replacing it by the engine
# means training all of them again.
def fit(
    model: Any, examples: Examples, *, steps: int, seed: int, weights: Tensor | None = None, batch_size: int = BATCH
) -> None:
    """Train with AdamW on batches drawn with replacement; linear warm-up over a tenth of the steps, then cosine to 0.

    Args:
        model: A module with `training_step`.
        examples: What it is trained on.
        steps: Number of updates.
        seed: Seed of the batches and of random choices in `training_step`.
        weights: `[len(examples)]`, how often each example is drawn relative to the others; uniform by default.
        batch_size: Examples in a batch.
    """
    weights = torch.ones(len(examples)) if weights is None else weights
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02, betas=(0.9, 0.98))
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: min((n + 1) / warm, 0.5 + 0.5 * np.cos(np.pi * min(1.0, n / steps)))
    )
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(steps):
        chosen = torch.multinomial(weights, batch_size, replacement=True, generator=generator).tolist()
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
def guesses(model: Any, rows: Any) -> tuple[list[int], list[int], int]:
    """The class guessed for each row from all modalities of the model, the true class, and the number of classes."""
    examples = model.examples(rows, Path())
    guessed: list[int] = []
    for start in range(0, len(examples), BATCH):
        batch = examples.collate(list(range(start, min(start + BATCH, len(examples)))))
        guessed += model.logits(model.encoded(batch)).argmax(-1).tolist()
    return guessed, examples.labels, len(examples.names)


def tested(model: Any, rows: Any) -> dict[str, float]:
    """Accuracy, macro recall and macro F1 of a model on rows."""
    return scores(*guesses(model, rows))
