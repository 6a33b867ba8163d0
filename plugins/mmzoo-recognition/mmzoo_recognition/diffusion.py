"""Classification by a generator: the class under which a diffusion model denoises a picture best.

Li et al., "Your Diffusion Model is Secretly a Zero-Shot Classifier", arXiv 2303.16203; Clark and Jaini, "Text-to-Image
Diffusion Models are Zero-Shot Classifiers", arXiv 2303.15233. All classes see the same noises and times, because the
error varies far more between noises than between classes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import as_batch, packed
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.interfaces import (
    ALONE,
    Diffuses,
    Examples,
    Fraction,
    Labels,
    Losses,
    Port,
    Ports,
    Positive,
    Size,
    Slot,
    TaskHead,
    TrainingState,
    Weight,
)
from mmzoo.interfaces.options import integer
from mmzoo_recognition.examples import pixels_of

if TYPE_CHECKING:
    from datasets import Dataset

Denoise = Callable[[list[int], int, int], Tensor]
"""Errors `[len(kept), end - start]` of the kept classes for the draws from start to end."""
ALIKE = 1e-4
"""Errors that differ among classes by no more than this fraction of the largest are the same but for rounding."""


class DiffusionClassifier(TaskHead):
    """Classifies pictures by the errors of a class-conditional diffusion model; only a temperature is trained.

    Probabilities are the softmax of the negative mean errors over the temperature. With a budget, classes are pruned by
    sequential halving (Karnin et al., ICML 2013): each stage spends an equal part of the budget on the classes that are
    left, and keeps the better half.

    Args:
        classes: The prompt of each class by its name.
        side: Pixels of a picture's side; other pictures are resized.
        draws: Pairs of a noise and a time at which a class is compared at most.
        budget: Evaluations of the network for one picture; `classes * draws`, the default, prunes nothing.
        earliest: The earliest time, where 0 is noise.
        latest: The latest time, where 1 is data; below 1 with an emphasis.
        emphasis: A draw at time t has the weight (t / (1 - t)) ** emphasis: 0 weights all alike, and 1 is the weight of
            the likelihood bound for a velocity on a straight path.
        temperature: Its value before training.
    """

    slots: ClassVar[Mapping[str, Slot]] = {"generator": Slot("head", model=True, contract=Diffuses)}
    columns = ("image", "label")
    batch_keys = ("errors", "label")
    generator: Diffuses

    def __init__(
        self,
        *,
        classes: dict[str, str],
        side: Size = 64,
        draws: Size = 32,
        budget: Size | None = None,
        earliest: Fraction = 0.1,
        latest: Fraction = 0.9,
        emphasis: Weight = 0.0,
        temperature: Positive = 0.01,
    ) -> None:
        super().__init__()
        if len(classes) < 2:
            raise ConfigError(f"head: classes names {len(classes)}; it must name at least 2.", path="classes")
        if earliest > latest:
            raise ConfigError(f"head: earliest {earliest} is after latest {latest}; swap them.", path="earliest")
        self.prompts = dict(classes)
        self.side, self.draws, self.budget = side, draws, budget
        if emphasis and latest == 1:
            raise ConfigError(
                "head: latest must be below 1 with an emphasis; the weight of 1 is infinite.", path="latest"
            )
        self.earliest, self.latest, self.emphasis, self.temperature = earliest, latest, emphasis, temperature
        self.log_temperature = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """The picture that the generator sees."""
        return Ports(outputs={"image": Port(modality="image")})

    def reset_parameters(self) -> None:
        """The temperature of the config."""
        super().reset_parameters()
        nn.init.constant_(self.log_temperature, math.log(self.temperature))

    @property
    def names(self) -> list[str]:
        """The classes in order."""
        return list(self.prompts)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Pictures only."""
        return ("image",)

    # --- use ---------------------------------------------------------------------------------------------

    def recognize(self, *, image: Any = None, speech: Any = None, text: Any = None, budget: int | None = None) -> Any:
        """Classify one picture, or a list of pictures.

        Args:
            image: Anything `mmzoo.data.as_image` takes, or a list of such.
            speech: Must be None; only pictures are recognized.
            text: The same.
            budget: Evaluations of the network for each picture; None for the model's own.

        Returns:
            Labels, the most probable class first; a list of Labels for a list.

        Raises:
            InputError: There is no picture, or a modality that the model does not recognize.
        """
        if speech is not None or text is not None or image is None:
            raise InputError(f"{self.name or 'This model'} recognizes pictures only; give an image and nothing else.")
        items = as_batch(image)
        if items is not None and not items:
            raise InputError("Give at least one picture.")
        pixels = torch.stack([pixels_of(one, self.side) for one in ([image] if items is None else items)])
        labels = [self._labels(row) for row in self.probabilities(pixels, budget=budget)]
        return labels[0] if items is None else labels

    __call__ = forward = recognize

    def _labels(self, row: Tensor) -> Labels:
        order = row.argsort(descending=True, stable=True).tolist()
        return Labels(tuple(self.names[i] for i in order), tuple(float(row[i]) for i in order))

    def probabilities(self, pixels: Tensor, *, budget: int | None = None) -> Tensor:
        """Probabilities float32 `[B, classes]` of pictures uint8 `[B, side, side, 3]`, computed one by one."""
        with torch.no_grad():
            return torch.stack([self.logits(self.errors(one, budget=budget)).softmax(-1).cpu() for one in pixels])

    def errors(self, pixels: Tensor, *, budget: int | None = None) -> Tensor:
        """Weighted denoising errors `[classes, draws]` of one picture uint8 `[side, side, 3]`; NaN for pruned classes.

        Args:
            pixels: The picture.
            budget: Evaluations of the network; None for the model's own.
        """
        raw = (pixels.float() / 255).unsqueeze(0).to(self.device)
        times, prompts = self.times(), list(self.prompts.values())
        weights = (times / (1 - times)) ** self.emphasis
        weights = weights / weights.mean()

        def denoise(kept: list[int], start: int, end: int) -> Tensor:
            chosen = [prompts[index] for index in kept]
            found = self.generator.denoising_errors(raw, chosen, times=times[start:end], seeds=range(start, end))
            return found.float().cpu() * weights[start:end]

        return pruned(denoise, len(prompts), self.draws, self._budget(budget))

    def _budget(self, given: int | None) -> int:
        full = len(self.prompts) * self.draws
        budget = full if self.budget is None else self.budget
        return budget if given is None else integer("budget", given, 1)

    def times(self) -> Tensor:
        """The time of each draw `[draws]`; any number of first ones cover the range evenly."""
        return self.earliest + (self.latest - self.earliest) * van_der_corput(self.draws)

    def logits(self, errors: Tensor) -> Tensor:
        """Logits `[..., classes]` from errors `[..., classes, draws]` with NaN where a class was pruned."""
        return -excess(errors.to(self.log_temperature.device).float()) * (-self.log_temperature.float()).exp()

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Logits of fixed errors; the generator has golden outputs of its own."""
        if inputs is None:
            shape = (1, len(self.prompts), self.draws)
            inputs = {"errors": 0.1 * torch.rand(shape, generator=torch.Generator().manual_seed(0))}
        return inputs, {"logits": self.logits(inputs["errors"])}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The errors of each row's picture under every class, computed once and kept.

        Raises:
            DataError: A label is not a class, or the generator does not know the classes.
        """
        labels = [str(label) for label in rows["label"]]
        if unknown := sorted(set(labels) - set(self.prompts)):
            raise DataError(
                f"The dataset has the label {unknown[0]!r}, which is not one of the model's classes"
                f" {', '.join(self.prompts)}; add it with its prompt to head.classes."
            )
        settings = [self.prompts, self.side, self.draws, self.earliest, self.latest, self.emphasis]
        what = [self.generator.fingerprint(), *settings]  # type: ignore[attr-defined]
        digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]

        def table(row: Mapping[str, Any]) -> Any:
            full = self.errors(pixels_of(row["image"], self.side), budget=len(self.prompts) * self.draws)
            return full.unsqueeze(0).numpy()

        errors, _ = packed(rows, cache, f"denoising-{digest}", table, doing="denoising pictures")
        found = torch.from_numpy(errors.copy())
        if (found.amax(-2) - found.amin(-2)).max() <= ALIKE * found.abs().max():
            raise DataError(
                f"The generator denoises every picture alike under all {len(self.prompts)} classes; use one that was"
                " trained on the words of head.classes."
            )
        return Denoised(found, [self.names.index(label) for label in labels])

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy, which only the temperature can lower."""
        labels = batch["label"].to(self.device)
        logits = self.logits(batch["errors"].to(self.device))
        accuracy = (logits.argmax(-1) == labels).float().mean()
        return Losses(
            F.cross_entropy(logits, labels), {"accuracy": accuracy, "temperature": self.log_temperature.detach().exp()}
        )


class Denoised:
    """Errors float32 `[N, classes, draws]` with their labels."""

    keys = ("errors", "label")

    def __init__(self, errors: Tensor, labels: Sequence[int]) -> None:
        self.errors, self.labels, self.lengths = errors, list(labels), [1] * len(labels)

    def __len__(self) -> int:
        return len(self.labels)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself: everything is in memory."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`errors` `[B, classes, draws]` and `label` int64 `[B]`."""
        return {"errors": self.errors[examples], "label": torch.tensor([self.labels[index] for index in examples])}


def pruned(denoise: Denoise, classes: int, draws: int, budget: int) -> Tensor:
    """Errors `[classes, draws]`, NaN for what was not computed because its class was pruned.

    The best class of every stage is kept, so no class with errors is ahead of the winner on the draws of both.

    Args:
        denoise: Computes errors.
        classes: Number of classes.
        draws: Number of draws for a class that is never pruned.
        budget: Evaluations to spend; from `classes * draws` on, nothing is pruned. Each stage spends at least one for
            each class that is left.
    """
    table = torch.full((classes, draws), math.nan)
    kept, done = list(range(classes)), 0
    if budget >= classes * draws:
        return denoise(kept, 0, draws)
    stages = math.ceil(math.log2(classes))
    left = budget
    for stage in range(stages):
        end = min(draws, done + max(1, left // ((stages - stage) * len(kept))))
        left -= len(kept) * (end - done)
        if end > done:
            table[kept, done:end] = denoise(kept, done, end)
        done = end
        order = table[kept, :done].mean(1).argsort(stable=True).tolist()
        kept = sorted(kept[index] for index in order[: math.ceil(len(kept) / 2)])
    return table


def evaluations(errors: Tensor) -> int:
    """How many evaluations of the network a table of errors took."""
    return int(errors.isfinite().sum())


def excess(errors: Tensor) -> Tensor:
    """How much larger the mean error of each class is than the best class's, over the draws of both.

    The best is the one with the smallest mean among those with the most draws.

    Args:
        errors: `[..., classes, draws]`, NaN for what was not computed.

    Returns:
        `[..., classes]`, 0 for the best.
    """
    count = errors.isfinite().sum(-1)
    means = errors.nanmean(-1).masked_fill(count < count.amax(-1, keepdim=True), math.inf)
    best = means.argmin(-1, keepdim=True).unsqueeze(-1)
    return (errors - errors.take_along_dim(best, -2)).nanmean(-1)


def van_der_corput(count: int) -> Tensor:
    """The first numbers of the sequence 1/2, 1/4, 3/4, 1/8, ..., any beginning of which is even over (0, 1)."""
    values = []
    for number in range(1, count + 1):
        value, step = 0.0, 0.5
        while number:
            value, number, step = value + step * (number % 2), number // 2, step / 2
        values.append(value)
    return torch.tensor(values)
