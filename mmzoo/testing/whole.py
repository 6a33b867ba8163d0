"""What heads and models have in common: slots that are filled, golden inputs, training on a few rows."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Plan, check, construct, submodels
from mmzoo.factory import build_models
from mmzoo.interfaces import Examples, HasFeatures, HasFiles, Losses, TaskHead, Trainable
from mmzoo.resolve import resolve_recipe
from mmzoo.testing import running
from mmzoo.testing.common import STEPS, ConformanceError, applicable, close, require, seeded
from mmzoo.testing.encoders import raw_batch
from mmzoo.testing.offline import offline
from mmzoo.testing.registration import refuse_reaching
from mmzoo.testing.subject import Subject, check_repeats, trainable

if TYPE_CHECKING:
    from datasets import Dataset

STEP_SIZE = 0.001
FILLING = 1


class Whole(Subject):
    """A head with its slots filled: called with its golden inputs, and trained on rows if there are any."""

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
        """The models of its slots, built before any seed is set, as fresh ones draw."""
        return build_models(self.plan)

    @property
    @abstractmethod
    def rows(self) -> Dataset | None:
        """What it is trained on."""

    def fresh(self) -> TaskHead:
        models = self.models
        with seeded(0):
            return construct(self.plan, models, device="cpu", name="conformance").eval()

    def skeleton(self) -> TaskHead:
        return construct(self.plan, self.models, name="conformance")

    @cached_property
    def golden(self) -> Mapping[str, Tensor]:
        """Its golden inputs by name. Raises NotChecked for a head that has no golden outputs."""
        with torch.no_grad():
            inputs, outputs = self.fresh().golden(None)
        applicable(bool(outputs), "its head has no golden outputs to compare; write `golden`")
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

    def carry_files(self, component: TaskHead, loaded: TaskHead, folder: Path) -> None:
        if not isinstance(component, HasFiles) or not isinstance(loaded, HasFiles):
            return
        for name, content in component.files().items():
            (folder / name).write_bytes(content)
        loaded.load_files(folder)
        require(
            dict(loaded.files()) == dict(component.files()),
            f"{self.label}: load_files does not bring back what files() wrote.",
        )

    def usable(self) -> TaskHead:
        """It as one would use it."""
        found: TaskHead = self.component()
        return found

    # --- checks ---

    def check_offline(self) -> None:
        """It is built, called and trained without a network; the models of its slots are mmzoo's to fetch."""
        assert self.models is not None
        rows = self.rows
        with offline() as tried:
            try:
                head = self.fresh()
                head.golden(None)
                if rows is not None:
                    self.losses(head.train())
            except Exception:
                if not tried:  # another check's business
                    return
        refuse_reaching(self.label, tried, "it is built or used")

    def check_determinism(self) -> None:
        """Golden inputs are always the same, and they give one result, whatever the seed."""
        with seeded(1):
            first, _ = self.fresh().golden(None)
        with seeded(2):
            second, _ = self.fresh().golden(None)
        require(
            first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first),
            f"{self.label}: golden makes other inputs each time; draw them from a generator with a fixed seed.",
        )
        check_repeats(self)

    def check_modes(self) -> None:
        """Models in slots stay in eval mode."""
        head = self.fresh().train()
        applicable(bool(submodels(head)), "it has no models in its slots")
        for slot, model in submodels(head).items():
            require(
                not model.training,
                f"{self.label}: the model in slot {slot} must stay in eval mode; keep TaskHead.train.",
            )

    @torch.no_grad()
    def check_batch(self) -> None:
        """The features of an item are those that it has alone, however it is padded in a batch."""
        head: TaskHead = self.component()
        applicable(
            isinstance(head, HasFeatures),
            "it has no features for other models, and what else heads do has no batch in common",
        )
        assert isinstance(head, HasFeatures)
        outputs = type(head).ports(head.config).outputs
        modality = next((n for n in ("speech", "image", "text") if n in outputs and outputs[n].modality == n), None)
        applicable(modality is not None, "none of its output ports is called speech, image or text, as features take")
        raw, mask = raw_batch(str(modality))
        together = head.features(raw, mask).x
        alone = head.features(raw[1:] if mask is None else raw[1:, : int(mask[1].sum())]).x
        require(
            close(together[1:, : alone.shape[1]].float(), alone.float()),
            f"{self.label} has other features of an item when it is padded in a batch; respect the mask.",
        )

    def check_masks(self) -> None:
        """What stands in the padding of a training batch changes no loss.

        Padding is where `x_mask` of the batch is False; it belongs to `x`, or `xs`.
        """
        head = self.fresh()
        batch = self.collated(head)
        filled = {key: _filled(key, value, batch) for key, value in batch.items()}
        padded = [key for key in batch if not torch.equal(filled[key], batch[key])]
        applicable(bool(padded), "its batches have no padding that a mask called `x_mask` tells")
        first, second = self.stepped(head, batch), self.stepped(head, filled)
        require(
            close(second.total.detach(), first.total.detach()),
            f"{self.label}: what stands in the padding of {', '.join(padded)} changes the loss; respect the masks.",
        )

    # --- training ---

    def examples(self, head: TaskHead, cache: Path) -> Examples:
        """The rows as training examples."""
        rows = self.rows
        applicable(rows is not None, "its trial says `rows: false`, so there is nothing to train on")
        assert rows is not None
        if not isinstance(head, Trainable):
            raise ConformanceError(
                f"{self.label} is tried with rows but cannot be trained; define batch_keys, examples and training_step,"
                " or register its trial with rows=False."
            )
        return head.examples(rows, cache)

    def collated(self, head: TaskHead, seed: int = 0) -> Mapping[str, Tensor]:
        """A batch of examples, which are drawn by the seed."""
        with tempfile.TemporaryDirectory() as cache:
            examples = self.examples(head, Path(cache))
            require(
                len(examples.lengths) == len(examples) > 0,
                f"{self.label}: its examples must have one length each, and be some.",
            )
            chosen = [
                examples.example(index % len(examples), torch.Generator().manual_seed(seed + index))
                for index in range(self.batch)
            ]
            collated = examples.collate(chosen)
        require(
            set(collated) == set(examples.keys),
            f"{self.label}: its examples declare the keys {sorted(examples.keys)}, and a batch has {sorted(collated)}.",
        )
        for key, value in collated.items():
            require(isinstance(value, Tensor), f"{self.label}: the batch holds {key}, which is no tensor.")
        return collated

    def stepped(self, head: TaskHead, batch: Mapping[str, Tensor], seed: int = 0) -> Losses:
        """One training step."""
        assert isinstance(head, Trainable)
        with seeded(4 + seed):
            losses = head.training_step(batch, torch.Generator().manual_seed(5 + seed))
        require(isinstance(losses, Losses), f"{self.label}: training_step must return Losses.")
        for key, value in {**losses.parts, "total": losses.total}.items():
            require(bool(torch.isfinite(value)), f"{self.label}: the loss {key} is not finite.")
        return losses

    def check_keys(self) -> None:
        """`batch_keys` names every key without which a training step fails."""
        head = self.fresh()
        batch = self.collated(head)
        assert isinstance(head, Trainable)
        for key in set(batch) - set(head.batch_keys):
            try:
                self.stepped(head, {name: value for name, value in batch.items() if name != key})
            except KeyError as error:
                raise ConformanceError(
                    f"{self.label}: a training step needs {key!r}, which its batch_keys lack."
                ) from error
            except Exception:  # without this key it may be no batch at all, which is not what is checked
                continue

    def losses(self, head: TaskHead, seed: int = 0) -> Losses:
        """One training step on a batch that the seed draws."""
        return self.stepped(head, self.collated(head, seed), seed)

    def check_training(self) -> None:
        """One batch and one generator give one loss, and no gradient goes to the models of slots."""
        totals = []
        for _ in range(2):
            head = self.fresh().train()
            losses = self.losses(head)
            totals.append(losses.total.detach())
            losses.total.backward()  # type: ignore[no-untyped-call]
            foreign = _foreign(head)
            for key, parameter in head.named_parameters():
                if parameter.grad is None:
                    continue
                require(
                    id(parameter) not in foreign,
                    f"{self.label}: a gradient reaches {key}, which belongs to the model of a slot.",
                )
                require(bool(parameter.grad.isfinite().all()), f"{self.label}: the gradient of {key} is not finite.")
        require(
            close(totals[0], totals[1]),
            f"{self.label}: one batch, one generator and two losses; draw from the generator.",
        )

    def check_gradients(self) -> None:
        """Within a few steps a gradient reaches every parameter that is not frozen or a model's in a slot."""
        head = self.fresh().train()
        waiting = trainable(head, _foreign(head))
        for step in range(STEPS):
            self.losses(head, seed=10 * step).total.backward()  # type: ignore[no-untyped-call]
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
        """Under autocast the loss is nearly that of float32; and so are golden outputs, also with halved parameters."""
        if self.rows is not None:
            exact = self.losses(self.fresh().train()).total.detach()
            with torch.autocast("cpu", dtype):
                half = self.losses(self.fresh().train()).total.detach()
            how = f"trained under autocast to {running.named(dtype)}"
            running.compare(self, how, (half,), (exact,), running.NEAR[torch.bfloat16])
        running.check_half(self, self.usable(), dtype)


def _foreign(head: nn.Module) -> set[int]:
    """Parameters that belong to the models in slots."""
    return {id(parameter) for model in submodels(head).values() for parameter in model.parameters()}


def _filled(key: str, value: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """A tensor of a batch with other values in the padding that its mask tells."""
    mask = batch.get(f"{key}_mask", batch.get(f"{key.removesuffix('s')}_mask"))
    if mask is None or mask.dtype is not torch.bool or value.shape[: mask.dim()] != mask.shape:
        return value
    padding = ~mask.view(*mask.shape, *[1] * (value.dim() - mask.dim()))
    return torch.where(padding, (value + FILLING).to(value.dtype), value)
