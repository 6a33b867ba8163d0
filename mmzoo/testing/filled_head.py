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
from torch import Tensor, nn

from mmzoo.composition import Plan, check, construct, submodels
from mmzoo.errors import MmzooError
from mmzoo.factory import build_models
from mmzoo.interfaces import Examples, HasFeatures, HasFiles, Losses, TaskHead, Trainable
from mmzoo.resolve import resolve_recipe
from mmzoo.schema import first_line
from mmzoo.testing import running, verbs
from mmzoo.testing.common import STEPS, ConformanceError, applicable, close, require, seeded
from mmzoo.testing.encoders import raw_batch
from mmzoo.testing.offline import offline
from mmzoo.testing.registration import refuse_reaching
from mmzoo.testing.rows import sample_rows
from mmzoo.testing.target import Target, check_repeats, trainable

if TYPE_CHECKING:
    from datasets import Dataset

STEP_SIZE = 0.001


class FilledHead(Target):
    """A head with its slots filled, called with its golden inputs and trained on rows if there are any."""

    batch = 2

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

    def with_weights(self) -> TaskHead:
        """The head to check in half precision, with realistic weights where there are any."""
        head: TaskHead = self.component()
        return head

    # --- checks ---

    def check_offline(self) -> None:
        """It is built, called and trained without a network; models in slots are built before."""
        assert self.models is not None
        rows = self.rows
        with offline() as tried:
            try:
                head = self.fresh()
                head.golden(None)
                if rows is not None:
                    self.step_losses(head.train())
            except Exception:
                if not tried:  # left to another check
                    return
        refuse_reaching(self.label, tried, "it is built or used")

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
        check_repeats(self)

    def check_modes(self) -> None:
        """Models in slots stay in eval mode during training."""
        head = self.fresh().train()
        applicable(bool(submodels(head)), "it has no models in its slots")
        for slot, model in submodels(head).items():
            require(
                not model.training,
                f"{self.label}: the model in slot {slot} must stay in eval mode; do not override TaskHead.train.",
            )

    @torch.no_grad()
    def check_batch(self) -> None:
        """Padding an item in a batch does not change its features."""
        head: TaskHead = self.component()
        applicable(
            isinstance(head, HasFeatures),
            "it has no `features`, the only batched method that heads share",
        )
        assert isinstance(head, HasFeatures)
        outputs = type(head).ports(head.config).outputs
        modality = next((n for n in ("speech", "image", "text") if n in outputs and outputs[n].modality == n), None)
        applicable(
            modality is not None, "`features` takes speech, image or text, and no output port has one of these names"
        )
        raw, mask = raw_batch(str(modality))
        together = head.features(raw, mask).x
        alone = head.features(raw[1:] if mask is None else raw[1:, : int(mask[1].sum())]).x
        require(
            close(together[1:, : alone.shape[1]].float(), alone.float()),
            f"{self.label} gives an item other features when it is padded in a batch; respect the mask.",
        )

    def check_masks(self) -> None:
        """The contents of padding in a training batch do not affect the loss.

        Padding of the key `x`, or `xs`, is where the batch's `x_mask` is False.
        """
        head = self.fresh()
        batch = self.make_batch(head)
        filled = {key: _filled(key, value, batch) for key, value in batch.items()}
        padded = [key for key in batch if not torch.equal(filled[key], batch[key])]
        applicable(bool(padded), "its batches have no padding marked by a mask `x_mask`")
        first, second = self.train_step(head, batch), self.train_step(head, filled)
        require(
            close(second.total.detach(), first.total.detach()),
            f"{self.label}: the contents of padding in {', '.join(padded)} affect the loss; respect the masks.",
        )

    # --- training ---

    def examples(self, head: TaskHead, cache: Path) -> Examples:
        """The rows as training examples."""
        rows = self.rows
        applicable(rows is not None, "its trial has `rows: false`, so there is nothing to train on")
        assert rows is not None
        if not isinstance(head, Trainable):
            raise ConformanceError(
                f"{self.label} has a trial with rows but cannot be trained; define batch_keys, examples and"
                " training_step, or register the trial with rows=False."
            )
        return head.examples(rows, cache)

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
            require(bool(torch.isfinite(value)), f"{self.label}: the loss {key} is not finite.")
        return losses

    def check_keys(self) -> None:
        """`batch_keys` names every key that a training step reads."""
        head = self.fresh()
        batch = self.make_batch(head)
        assert isinstance(head, Trainable)
        missing = sorted(set(head.batch_keys) - set(batch))
        require(not missing, f"{self.label}: its batch_keys name {', '.join(missing)}, which a batch does not have.")
        for key in set(batch) - set(head.batch_keys):
            try:
                self.train_step(head, {name: value for name, value in batch.items() if name != key})
            except KeyError as error:
                if error.args[:1] != (key,):
                    continue
                raise ConformanceError(
                    f"{self.label}: a training step reads {key!r}, which is missing from batch_keys."
                ) from error
            except Exception:  # without this key the batch may be unusable, which is not checked here
                continue

    def step_losses(self, head: TaskHead, seed: int = 0) -> Losses:
        """One training step on a batch drawn under the seed."""
        return self.train_step(head, self.make_batch(head, seed), seed)

    def check_training(self) -> None:
        """Equal batches and generators give equal losses, and no gradient reaches the models in slots."""
        totals = []
        for _ in range(2):
            head = self.fresh().train()
            losses = self.step_losses(head)
            totals.append(losses.total.detach())
            losses.total.backward()  # type: ignore[no-untyped-call]
            foreign = _foreign(head)
            for key, parameter in head.named_parameters():
                if parameter.grad is None:
                    continue
                require(
                    id(parameter) not in foreign,
                    f"{self.label}: a gradient reaches {key}, which belongs to the model in a slot.",
                )
                require(bool(parameter.grad.isfinite().all()), f"{self.label}: the gradient of {key} is not finite.")
        require(
            close(totals[0], totals[1]),
            f"{self.label}: one batch under one seed gives two losses; draw from the given generator.",
        )

    def check_gradients(self) -> None:
        """Within a few steps a gradient reaches every parameter that is neither frozen nor of a model in a slot."""
        head = self.fresh().train()
        waiting = trainable(head, _foreign(head))
        for step in range(STEPS):
            self.step_losses(head, seed=10 * step).total.backward()  # type: ignore[no-untyped-call]
            for key, parameter in head.named_parameters():
                gradient, parameter.grad = parameter.grad, None
                if gradient is None or not bool(gradient.any()):
                    continue
                waiting.pop(key, None)
                with torch.no_grad():
                    parameter.sub_(gradient.sign(), alpha=STEP_SIZE)
        if waiting:
            raise ConformanceError(
                f"{self.label}: no gradient reaches {', '.join(list(waiting)[:3])} in {STEPS} steps; use it, or freeze"
                " it with requires_grad=False."
            )

    def check_half(self, dtype: torch.dtype) -> None:
        """The loss under autocast and the golden outputs are close to float32, and every verb works in the dtype."""
        if self.rows is not None:
            exact = self.step_losses(self.fresh().train()).total.detach()
            with torch.autocast("cpu", dtype):
                half = self.step_losses(self.fresh().train()).total.detach()
            how = f"trained under autocast to {running.named(dtype)}"
            running.compare(self, how, (half,), (exact,), running.HALF_TOLERANCE[torch.bfloat16])
        running.check_half(self, self.with_weights(), dtype)
        self.check_verbs(dtype)

    def check_verbs(self, dtype: torch.dtype) -> None:
        """What a verb takes in float32 it takes in the dtype too, and its results are ordinary values in both."""
        head, rows = self.with_weights(), self.rows
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
            what = f"{what} cast to {running.named(dtype)}"
            try:
                result = verbs.called(half, name, arguments)
            except Exception as error:
                raise ConformanceError(f"{what} fails: {first_line(error)}.") from error
            require(type(result) is type(exact), f"{what} returns {type(result).__name__}, not {type(exact).__name__}.")
            verbs.require_ordinary(what, result)


def _foreign(head: nn.Module) -> set[int]:
    """Ids of the parameters of models in slots."""
    return {id(parameter) for model in submodels(head).values() for parameter in model.parameters()}


def _filled(key: str, value: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """A tensor of a batch with different values in its padding, or as it is if it has no mask."""
    mask = batch.get(f"{key}_mask", batch.get(f"{key.removesuffix('s')}_mask"))
    if mask is None or mask.dtype is not torch.bool or value.shape[: mask.dim()] != mask.shape:
        return value
    padding = ~mask.view(*mask.shape, *[1] * (value.dim() - mask.dim()))
    return torch.where(padding, (value + 1).to(value.dtype), value)
