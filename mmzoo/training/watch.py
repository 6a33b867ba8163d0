"""Validation losses and previews of the averaged model during training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device

from mmzoo.interfaces import Examples
from mmzoo.training.log import Averages, RunLog
from mmzoo.training.order import BatchSize, DataOrder
from mmzoo.training.previews import render_previews
from mmzoo.training.ranks import in_turn
from mmzoo.training.seeds import generator_for, seed_everything
from mmzoo.training.step import Stepper, losses_of, trainable

if TYPE_CHECKING:
    from datasets import Dataset


def mean_over_ranks(means: Mapping[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Each value averaged over the processes; all must have the same names."""
    if accelerator.num_processes == 1:
        return dict(means)
    values = torch.tensor(list(means.values()), device=accelerator.device)
    return dict(zip(means, accelerator.reduce(values, "mean").tolist(), strict=True))


class Watcher:
    """Validates and renders previews without affecting training.

    Args:
        stepper: The model in training and its average.
        log: Where losses and previews go.
        out: The run folder.
        rows: The training rows; previews show the first ones if there are no validation rows.
        validation_rows: The validation rows, if any.
        cache: A folder for expensive features.
    """

    def __init__(
        self,
        stepper: Stepper,
        log: RunLog,
        out: Path,
        rows: Dataset,
        validation_rows: Dataset | None,
        cache: Path,
    ) -> None:
        self.stepper = stepper
        self.recipe = stepper.recipe
        self.log = log
        self.out = out
        self.rows = rows
        self.validation_rows = validation_rows
        self.cache = cache
        self._examples: Examples | None = None

    def prepare(self) -> None:
        """Build the examples of the validation rows, so that wrong ones are refused before the first step."""
        if self.validation_rows is None or self._examples is not None:
            return
        with self.stepper.averaged() as head, in_turn(self.stepper.accelerator):
            self._examples = trainable(head).examples(self.validation_rows, self.cache)

    def validate(self, step: int) -> None:
        """Log mean losses over the first `validate_batches` batches of the validation rows, if there are any."""
        self.prepare()
        if self._examples is None:
            return
        recipe, accelerator = self.recipe, self.stepper.accelerator
        rank, world = accelerator.process_index, accelerator.num_processes
        averages = Averages()
        with self.stepper.averaged() as head:
            examples = self._examples
            size = BatchSize(recipe.batch_size, recipe.batch_frames)
            order = DataOrder(examples.lengths, size, seed=recipe.seed, bucket=recipe.bucket)
            for position in range(min(recipe.validate_batches, len(order.batches(0)))):
                indices = order.share(0, position, rank, world)
                items = [examples.example(i, generator_for(recipe.seed, "validation example", i)) for i in indices]
                batch = send_to_device(examples.collate(items), accelerator.device)
                seed_everything(recipe.seed, "validation", position, rank)
                generator = generator_for(recipe.seed, "validation noise", position, rank)
                with self.stepper.autocast():
                    losses = losses_of(head, batch, generator, self.stepper.state())
                averages.add({"loss": losses.total, **losses.parts})
        means = mean_over_ranks(averages.read(), accelerator)
        parts = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.log.say(f"validation at step {step}: {parts}")
        self.log.metrics(step, means, kind="validation")

    def preview(self, step: int) -> None:
        """Write sounds and pictures of a few rows, in the main process. Failures are only logged."""
        main = self.stepper.accelerator.is_main_process
        if not main and not self.stepper.sharded:
            return
        rows = self.validation_rows if self.validation_rows is not None else self.rows
        rows = rows.select(range(min(self.recipe.preview_rows, len(rows))))
        folder = self.out / "previews" / f"step-{step:08d}"
        try:
            with self.stepper.averaged() as head:
                if main:
                    render_previews(head, rows, folder, step, self.log)
        except Exception as error:  # a failed preview must not end the training
            self.log.say(f"The previews of step {step} failed: {type(error).__name__}: {error}")
