"""What heads and registered models share: filled slots, golden inputs, training on a few rows."""

from __future__ import annotations

import contextlib
import copy
import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmzoo.composition import Plan, check, construct
from mmzoo.errors import MmzooError
from mmzoo.factory import build_models
from mmzoo.interfaces import Examples, HasFiles, Losses, TaskHead, Trainable
from mmzoo.resolve import resolve_recipe
from mmzoo.schema import first_line
from mmzoo.testing import verbs
from mmzoo.testing.common import ConformanceError, NotChecked, applicable, require
from mmzoo.testing.registration import staying_offline
from mmzoo.testing.rows import sample_rows
from mmzoo.testing.running import HALF_TOLERANCE, RunningTarget, named
from mmzoo.testing.values import seeded

if TYPE_CHECKING:
    from datasets import Dataset


class FilledHead(RunningTarget):
    """A head with its slots filled, called with its golden inputs and trained on rows if there are any."""

    batch, step_size = 2, 0.001

    @property
    @abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """The head and what fills its slots."""

    @cached_property
    def plan(self) -> Plan:
        """The checked recipe."""
        return check(resolve_recipe(self.recipe))

    @cached_property
    def models(self) -> dict[str, TaskHead]:
        """The models in its slots, built once, before a seed is set, because fresh ones draw random numbers."""
        return build_models(self.plan)

    @property
    @abstractmethod
    def rows(self) -> Dataset | None:
        """The rows to train on, or None."""

    def fresh(self) -> TaskHead:
        models = self.models
        with seeded(0):
            return construct(self.plan, models, device="cpu", name="conformance").eval()

    def skeleton(self) -> TaskHead:
        return construct(self.plan, self.models, name="conformance")

    @cached_property
    def golden(self) -> Mapping[str, Tensor]:
        """The golden inputs by name. Raises NotChecked for a head without golden outputs."""
        with torch.no_grad():
            inputs, outputs = self.fresh().golden(None)
        applicable(bool(outputs), "its head has no golden outputs to compare; implement `golden`")
        return inputs

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(self.golden.values())

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        cast = zip(self.golden.items(), super().cast_inputs(dtype), strict=True)
        return tuple(x if name == "speech" else half for (name, x), half in cast)

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        _, outputs = component.golden(dict(zip(self.golden, inputs, strict=True)))
        return tuple(outputs.values())

    def copy_files(self, component: TaskHead, loaded: TaskHead, folder: Path) -> None:
        if not isinstance(component, HasFiles) or not isinstance(loaded, HasFiles):
            return
        for name, content in component.files().items():
            (folder / name).write_bytes(content)
        loaded.load_files(folder)
        require(
            dict(loaded.files()) == dict(component.files()),
            f"{self.label}: load_files does not restore what files() returned.",
        )

    def loss(self, component: TaskHead, step: int = 0) -> Tensor:
        return self.train_step(component, self.make_batch(component, 10 * step), 10 * step).total

    # --- checks ---

    def check_offline(self) -> None:
        """It is built, called and trained without a network; models in slots are built before."""
        _, rows = self.models, self.rows
        with staying_offline(self.label):
            head = self.fresh()
            head.golden(None)
            if rows is not None:
                self.loss(head.train())

    def check_determinism(self) -> None:
        """Golden inputs and outputs are the same under every seed."""
        with seeded(1):
            first, _ = self.fresh().golden(None)
        with seeded(2):
            second, _ = self.fresh().golden(None)
        require(
            first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first),
            f"{self.label}: golden returns other inputs each time; draw them from a generator with a fixed seed.",
        )
        self.check_repeats()

    # --- training ---

    def examples(self, head: TaskHead, cache: Path) -> Examples:
        """The rows as training examples."""
        if self.rows is None:
            raise NotChecked("not applicable: its trial has `rows: false`, so there is nothing to train on")
        if not isinstance(head, Trainable):
            raise ConformanceError(
                f"{self.label} has a trial with rows but cannot be trained; define batch_keys, examples and"
                " training_step, or register the trial with rows=False."
            )
        return head.examples(self.rows, cache)

    def make_batch(self, head: TaskHead, seed: int = 0) -> Mapping[str, Tensor]:
        """A batch of examples drawn under the seed."""
        with tempfile.TemporaryDirectory() as cache:
            examples = self.examples(head, Path(cache))
            require(
                len(examples.lengths) == len(examples) > 0,
                f"{self.label}: there must be at least one example, and a length for each.",
            )
            chosen = [
                examples.example(index % len(examples), torch.Generator().manual_seed(seed + index))
                for index in range(self.batch)
            ]
            collated = examples.collate(chosen)
        require(
            set(collated) == set(examples.keys),
            f"{self.label}: its examples declare the keys {sorted(examples.keys)}, but a batch has {sorted(collated)}.",
        )
        for key, value in collated.items():
            require(isinstance(value, Tensor), f"{self.label}: {key} in the batch is not a tensor.")
        return collated

    def train_step(self, head: TaskHead, batch: Mapping[str, Tensor], seed: int = 0) -> Losses:
        """One training step."""
        assert isinstance(head, Trainable)
        with seeded(4 + seed):
            losses = head.training_step(batch, torch.Generator().manual_seed(5 + seed))
        require(isinstance(losses, Losses), f"{self.label}: training_step must return Losses.")
        for key, value in {**losses.parts, "total": losses.total}.items():
            require(value.isfinite(), f"{self.label}: the loss {key} is not finite.")
        return losses

    def check_half(self, dtype: torch.dtype) -> None:
        """The loss under autocast and the golden outputs are close to float32, and every verb works in the dtype."""
        if self.rows is not None:
            exact = self.loss(self.fresh().train()).detach()
            with torch.autocast("cpu", dtype):
                half = self.loss(self.fresh().train()).detach()
            how = f"trained under autocast to {named(dtype)}"
            self.compare(how, (half,), (exact,), HALF_TOLERANCE[torch.bfloat16])
        super().check_half(dtype)
        self.check_verbs(dtype)

    def check_verbs(self, dtype: torch.dtype) -> None:
        """What a verb takes in float32 it takes in the dtype too, and its results are ordinary values in both."""
        head, rows = self.realistic(), self.rows
        if rows is not None and isinstance(head, Trainable):
            with contextlib.suppress(MmzooError), tempfile.TemporaryDirectory() as cache:
                head.examples(rows, Path(cache))  # sets the vocabulary or the classes of a head without weights
        known = verbs.samples(head, None if rows is None else {**sample_rows(1)[0], **rows[0]})
        half = copy.deepcopy(head).to(dtype)
        for name, arguments in verbs.verbs(head, known):
            what = f"{self.label}: {name}({', '.join(arguments)})"
            try:
                exact = verbs.called(head, name, arguments)
            except Exception:  # the sample is not for this head
                continue
            verbs.require_ordinary(what, exact)
            what = f"{what} cast to {named(dtype)}"
            try:
                result = verbs.called(half, name, arguments)
            except Exception as error:
                raise ConformanceError(f"{what} fails: {first_line(error)}.") from error
            require(type(result) is type(exact), f"{what} returns {type(result).__name__}, not {type(exact).__name__}.")
            verbs.require_ordinary(what, result)
