"""The training loop: steps, logs, validation, previews, checkpoints and export."""

from __future__ import annotations

import signal
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, send_to_device
from torch import nn

from mmzoo.composition import own_tensors
from mmzoo.data import cache_dir, has_codes, require_columns
from mmzoo.errors import CheckpointError, ConfigError, TrainingError
from mmzoo.interfaces import Examples, NeedsColumns, ReadsCodes, TaskHead
from mmzoo.interfaces.threads import unpaced
from mmzoo.system import write_whole
from mmzoo.training.adversary import make_adversary
from mmzoo.training.checkpoint import list_checkpoints, read_state, remove_staging, write_checkpoint
from mmzoo.training.compute import agreed, settled
from mmzoo.training.export import export_model, finish_head, training_record, versions
from mmzoo.training.feed import Batch, Feed
from mmzoo.training.guard import RunLock, StopSignals
from mmzoo.training.log import Averages, RunLog, duration
from mmzoo.training.memory import first_line, out_of_memory, ran_out
from mmzoo.training.order import BatchSize, DataOrder
from mmzoo.training.ranks import check_same_checkpoint, check_same_registry, in_turn, join_ranks, on_cpu
from mmzoo.training.recipe import TrainingRecipe, dump_recipe
from mmzoo.training.saving import Progress, check_same_data, checkpoint_to_resume, collect, restore
from mmzoo.training.seeds import seed_everything
from mmzoo.training.start import Start, all_rows, begin_from
from mmzoo.training.step import Outcome, Stepper, check_batch_keys, trainable
from mmzoo.training.watch import Watcher, mean_over_ranks

if TYPE_CHECKING:
    from datasets import Dataset

MAX_FAILED_SAVES = 3


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a training ended.

    Attributes:
        status: `finished`, `paused` (by stop_after_minutes) or `interrupted` (by a signal).
        step: The number of updates made.
        out: The run folder.
        model: The exported model folder, if finished.
        signal: The signal that interrupted the run, if any.
        losses: The averages logged last.
    """

    status: str
    step: int
    out: Path
    model: Path | None = None
    signal: int | None = None
    losses: Mapping[str, float] | None = None

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal that ended the run."""
        return 128 + self.signal if self.signal is not None else 0


class Trainer:
    """Trains one head on one dataset in one run folder.

    Args:
        recipe: The training recipe.
        head: The model, with fresh parameters.
        rows: The training rows, as the head's `examples` takes them.
        out: The run folder.
        validation_rows: The validation rows, if any.
        cache: A folder for expensive features; `mmzoo.data.cache_dir()/examples` by default.
        command: The command that started the run, for training.json.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        head: TaskHead,
        rows: Dataset,
        *,
        out: str | Path,
        validation_rows: Dataset | None = None,
        cache: Path | None = None,
        command: str = "",
    ) -> None:
        self.recipe = recipe
        self.head = head
        self.rows = rows
        self.validation_rows = validation_rows
        self.out = Path(out)
        self.command = command
        self._cache = cache or cache_dir() / "examples"
        self.progress = Progress()
        self._losses: dict[str, float] = {}
        self._failed_saves = 0
        self._signals = StopSignals()
        self._before, self._started, self._saved_at = 0.0, time.monotonic(), time.monotonic()

    def run(self, resume: str | Path = "auto", *, export_only: bool = False) -> RunResult:
        """Train until the last step, a pause or a signal.

        Args:
            resume: `auto` (the newest valid checkpoint, if any), `never`, or a checkpoint folder.
            export_only: Export that checkpoint without training.
        """
        self.processes = join_ranks(cpu=self.recipe.device == "cpu")
        # An earlier run in this process must not fix the precision of this one.
        AcceleratorState._reset_state()
        with self._locked(), unpaced():
            try:
                self.log = RunLog(self.out, steps=self.recipe.steps, active=self.processes.is_main_process)
            except OSError as error:
                raise TrainingError(_unwritable(f"the run folder {self.out}", error)) from error
            try:
                return self._run(resume, export_only)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                raise TrainingError(self._out_of_memory(error)) from error
            finally:
                self.log.close()

    @contextmanager
    def rehearsing(self, *, world: int = 1) -> Iterator[Feed]:
        """Ready for `update` without a run folder: nothing is locked, logged or saved.

        Args:
            world: The feed yields the part of one of this many processes.

        Yields:
            The batches.
        """
        self.processes = join_ranks(cpu=self.recipe.device == "cpu")
        AcceleratorState._reset_state()
        self.log = RunLog(self.out, steps=self.recipe.steps, active=False)
        with unpaced():
            self._choose_compute(None)
            self._prepare(fresh=True)
            self.stepper.train_mode()
            feed = self._feed(world)
            try:
                yield feed
            finally:
                feed.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.processes.is_main_process:
            with RunLock(self.out):
                remove_staging(self.out / "checkpoints")
                yield
        else:
            yield

    # --- setting up ------------------------------------------------------------------------------------

    def _run(self, resume: str | Path, export_only: bool) -> RunResult:
        path = checkpoint_to_resume(self.out, resume, self.recipe, self.log.say)
        self._choose_compute(None if path is None else read_state(path))
        check_same_checkpoint(self.accelerator, path.name if path is not None else "")
        if self.accelerator.is_main_process and not export_only:
            try:
                write_whole(self.out / "recipe.yaml", dump_recipe(self.recipe))
            except OSError as error:
                raise TrainingError(_unwritable(f"the run folder {self.out}", error)) from error
        self._prepare(fresh=path is None)
        if path is not None:
            check_same_data(path, self._data)
            world = read_state(path).get("world_size")
            if world != self.accelerator.num_processes:
                self.log.say(
                    f"The checkpoint was written by {world} processes, and there are now"
                    f" {self.accelerator.num_processes}: the data order continues, but results are not bit-identical."
                )
            self.progress = restore(path, self.stepper)
            self.progress.sessions += 1
            self.log.say(f"Resumed from {path} at step {self.progress.step}.")
            later = [p.name for p in list_checkpoints(self.out / "checkpoints") if p.name > path.name]
            if later:
                self.log.say(f"The next checkpoint replaces the later {', '.join(later)}.")
        elif export_only:
            raise CheckpointError(f"There is no usable checkpoint under {self.out / 'checkpoints'} to export.")
        if export_only:
            return self._finish()
        self._describe()
        watcher = Watcher(self.stepper, self.log, self.out, self.rows, self.validation_rows, self._cache)
        if self.recipe.validate_every and self.progress.step < self.recipe.steps:
            watcher.prepare()
        # Before and after the loop there is nothing to save, so a signal may end the process at once.
        with self._signals:
            result = self._loop(watcher)
        return result or self._finish()

    def _choose_compute(self, checkpoint: Mapping[str, Any] | None) -> None:
        """Settle precision and threads, the same in all processes, and make the accelerator."""
        compute, lines = settled(self.recipe, self.processes.device.type, checkpoint)
        for line in lines:
            self.log.say(line)
        self.compute = agreed(compute, self.processes)
        torch.set_num_threads(self.compute.threads)
        self.accelerator = Accelerator(
            mixed_precision="bf16" if self.compute.precision == "bf16" else "no",
            cpu=on_cpu(self.recipe.device == "cpu"),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        check_same_registry(self.accelerator)

    def _prepare(self, *, fresh: bool) -> None:
        recipe = self.recipe
        self.head.to(self.accelerator.device).eval()  # a head may run its components to compute examples
        seed_everything(recipe.seed, "adversary")
        adversary = None if recipe.adversary is None else make_adversary(recipe.adversary, self.head)
        self.start = None if recipe.model.init_from is None else Start.of(recipe.model.init_from)
        if self.start is not None:
            begin_from(self.head, self.start, all_rows(self.rows, self.validation_rows), self.log.say, fresh=fresh)
        if isinstance(self.head, NeedsColumns):
            replaced = self.head.codes_replace if isinstance(self.head, ReadsCodes) and has_codes(self.rows) else ()
            require_columns(self.rows, {*self.head.columns} - {*replaced}, f"The model {recipe.model.name}")
        with in_turn(self.accelerator):
            self.examples: Examples = trainable(self.head).examples(self.rows, self._cache)
        check_batch_keys(self.head, recipe.model.joint, self.examples)
        self.order = DataOrder(
            self.examples.lengths,
            BatchSize(recipe.batch_size, recipe.batch_frames),
            seed=recipe.seed,
            bucket=recipe.bucket,
            labels=self._labels() if recipe.balance else None,
            balance=float(recipe.balance),
        )
        content = np.asarray(self.order.lengths, dtype=np.int64).tobytes()
        if self.order.labels is not None:
            content += repr(list(self.order.labels)).encode()
        digest = blake2b(content, digest_size=8).hexdigest()
        self._data = {"examples": len(self.order.lengths), "lengths": digest}
        self.stepper = Stepper(recipe, self.head, adversary, self.accelerator)

    def _labels(self) -> Sequence[Hashable]:
        labels: Sequence[Hashable] | None = getattr(self.examples, "labels", None)
        if labels is None:
            raise ConfigError(
                f"balance needs labels, but the examples of {self.recipe.model.name} have none; leave balance out.",
                path="balance",
            )
        return labels

    def _describe(self) -> None:
        own = sum(p.numel() for p in self.stepper.parameters.values())
        items = len(self.order.lengths)
        batches = len(self.order.batches(self.progress.epoch))
        self.log.say(
            f"{self.recipe.name}: {own / 1e6:.2f} M parameters to train, {items} examples, {batches} batches per epoch,"
            f" {self.recipe.steps} steps on {self.accelerator.device} x {self.accelerator.num_processes},"
            f" {self.compute}."
        )

    # --- the loop --------------------------------------------------------------------------------------

    def _feed(self, world: int) -> Feed:
        return Feed(
            self.examples,
            self.order,
            (self.progress.epoch, self.progress.position),
            rank=self.accelerator.process_index,
            world=world,
            workers=self.recipe.num_workers,
            accumulate=self.recipe.accumulate,
        )

    def update(self, batch: Batch) -> Outcome:
        """Make the next update with a batch of the feed, and count it."""
        progress, device = self.progress, self.accelerator.device
        parts = [replace(p, tensors=send_to_device(p.tensors, device, non_blocking=True)) for p in batch.parts]
        outcome = self.stepper.update(parts, progress.step, self._flags())
        items, frames = self.order.frames(*batch.place)
        progress.step += 1
        progress.items += items
        progress.frames += frames
        progress.epoch, progress.position = self.order.next(*batch.place)
        progress.seconds = self._before + time.monotonic() - self._started
        return outcome

    def _loop(self, watcher: Watcher) -> RunResult | None:
        """Run until the last step (returns None), a pause or a signal (returns the result)."""
        recipe, progress = self.recipe, self.progress
        self._started = self._saved_at = time.monotonic()
        self._before = progress.seconds
        averages = Averages()
        window_start, window_step = time.monotonic(), progress.step
        saved_step, bad = progress.step, 0
        ending: str | None = None
        self.stepper.train_mode()
        feed = self._feed(self.accelerator.num_processes)
        try:
            while progress.step < recipe.steps and ending is None:
                outcome = self.update(next(feed))
                if outcome.skipped:
                    bad += not outcome.overflow
                    progress.skipped += 1
                    self._bad_step(outcome.skipped, bad)
                else:
                    bad = 0
                    averages.add(outcome.values)
                step = progress.step
                self.log.tick(step)
                if step % recipe.log_every == 0 or step == recipe.steps:
                    now = time.monotonic()
                    self._report(averages, (step - window_step) / max(1e-9, now - window_start))
                    window_start, window_step = now, step
                interrupted, paused, spent, save_due = outcome.flags
                ending = "interrupted" if interrupted else "paused" if paused else "spent" if spent else None
                if ending is None:
                    if recipe.validate_every and step % recipe.validate_every == 0:
                        watcher.validate(step)
                    if recipe.preview_every and step % recipe.preview_every == 0:
                        watcher.preview(step)
                if step % recipe.checkpoint_every == 0 or save_due or ending or step == recipe.steps:
                    self._save(required=ending is not None or step == recipe.steps)
                    saved_step = step
        finally:
            feed.close()
        if ending in ("interrupted", "paused") and progress.step < recipe.steps:
            self.log.say(f"Stopped at step {saved_step}; the same command continues from there.")
            number = (self._signals.received or signal.SIGTERM) if ending == "interrupted" else None
            return RunResult(ending or "", progress.step, self.out, signal=number, losses=self._losses)
        if ending == "spent":
            self.log.say(f"max_minutes={recipe.max_minutes:g} reached at step {progress.step}; finishing here.")
        return None

    def _flags(self) -> tuple[bool, bool, bool, bool]:
        """What this process requests after the next step: stop for a signal, pause, finish (time is up), save."""
        recipe = self.recipe
        session = (time.monotonic() - self._started) / 60
        total = self.progress.seconds / 60
        since_save = (time.monotonic() - self._saved_at) / 60
        return (
            self._signals.received is not None,
            recipe.stop_after_minutes is not None and session >= recipe.stop_after_minutes,
            recipe.max_minutes is not None and total >= recipe.max_minutes,
            recipe.checkpoint_minutes is not None and since_save >= recipe.checkpoint_minutes,
        )

    def _bad_step(self, why: str, in_a_row: int) -> None:
        self.log.say(f"Step {self.progress.step}: update skipped, {why}.")
        if in_a_row >= self.recipe.max_bad_steps:
            raise TrainingError(
                f"{in_a_row} updates in a row were not finite ({why}) up to step {self.progress.step};"
                " lower optimizer.lr or optimizer.clip, or use precision=fp32, and resume from the last checkpoint."
            )

    def _out_of_memory(self, error: BaseException) -> str:
        if "stepper" not in vars(self):
            return (
                f"Out of memory before the first step ({first_line(error)}): the model and its examples do not fit; use"
                " a smaller model by model.overrides, or fewer rows by data.limit."
            )
        return out_of_memory(error, self.stepper, f"step {self.progress.step + 1}", self.compute.precision)

    def _report(self, averages: Averages, rate: float) -> None:
        means = averages.read()
        if not means:
            return
        means = mean_over_ranks(means, self.accelerator)
        self._losses = means
        progress, step = self.progress, self.progress.step
        left = duration((self.recipe.steps - step) / max(rate, 1e-9))
        parts = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        self.log.tick(step, f"loss {means['loss']:.4g}, {rate:.2f} it/s")
        self.log.say(f"step {step}/{self.recipe.steps} {parts} | {rate:.2f} it/s, {left} left, epoch {progress.epoch}")
        extra = {
            "lr": self.stepper.lr(step - 1),
            "steps_per_second": rate,
            "seconds": progress.seconds,
            "epoch": progress.epoch,
            "items_seen": progress.items,
            "frames_seen": progress.frames,
            "skipped": progress.skipped,
        }
        self.log.metrics(step, {**means, **extra})

    # --- saving ----------------------------------------------------------------------------------------

    def _save(self, *, required: bool) -> None:
        """Write a checkpoint. A failed write is only logged, unless it is required or has failed too often in a row."""
        self._saved_at = time.monotonic()
        main = self.accelerator.is_main_process
        if main or self.stepper.sharded:
            tensors, state = collect(self.stepper, self.progress, self._data, self.compute)
        if main:
            state["versions"] = versions()
            try:
                write_checkpoint(self.out / "checkpoints", self.progress.step, tensors, state, keep=self.recipe.keep)
                self._failed_saves = 0
            except OSError as error:
                self._failed_saves += 1
                what = f"the checkpoint of step {self.progress.step}"
                if required or self._failed_saves >= MAX_FAILED_SAVES:
                    raise TrainingError(_unwritable(what, error)) from error
                self.log.say(f"Cannot write {what}: {error}; continuing, older checkpoints are untouched.")
        self.accelerator.wait_for_everyone()

    def _finish(self) -> RunResult:
        """Load the averaged weights, measure the head's statistics, and export the model folder."""
        head, model = self.stepper.finished(), None
        if self.accelerator.is_main_process:
            seed_everything(self.recipe.seed, "finish")
            finish_head(head, self.examples)
            head.to("cpu")
            try:
                model = export_model(head, self.out, self._record(), self.recipe.model.joint)
            except OSError as error:
                raise TrainingError(_unwritable(f"the model to {self.out}", error)) from error
            self.log.say(f"Finished: the model is in {model}.")
        self.accelerator.wait_for_everyone()
        return RunResult("finished", self.progress.step, self.out, model, losses=self._losses)

    def _record(self) -> dict[str, Any]:
        parameters = sum(p.numel() for p in own_tensors(self.head).values() if isinstance(p, nn.Parameter))
        extra = {
            "parameters": parameters,
            "precision": self.compute.precision,
            "processes": self.accelerator.num_processes,
            "losses": self._losses,
        }
        return training_record(self.command, self.recipe, self.progress, self._data, self.start) | extra


def _unwritable(what: str, error: OSError) -> str:
    return f"Cannot write {what}: {error}; free some space or check permissions, and run the command again."
