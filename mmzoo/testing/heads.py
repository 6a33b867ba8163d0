"""The contract of a TaskHead, with its parts in its slots."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmzoo.composition import build, load_weights, make_plan, own_tensors, save_model
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.interfaces import Losses, TaskHead
from mmzoo.testing import registration
from mmzoo.testing.common import Checks, ConformanceError, close, hold, require, seeded, stirred
from mmzoo.testing.offline import offline

if TYPE_CHECKING:
    from datasets import Dataset

    from mmzoo.composition import Plan


def check_head(
    name: str, *, slots: Mapping[str, Any] | None = None, rows: Dataset | None = None, batch: int = 2, **config: Any
) -> None:
    """Hold the head of this name and config, with these parts in its slots, to its contract.

    slots: as in a recipe, `{"quantizer": {"name": "vq", "dim": 8}}`. A model slot takes a model with weights, or
    `{"model": name, "pretrained": False}`; a head that holds the latter cannot be saved, so that is not checked.
    rows: a few dataset rows; with them one training step of `batch` examples is checked too.
    Raises ConformanceError, and what `create` raises for a recipe that is wrong.
    """
    trial = HeadTrial(name, config, slots=slots, rows=rows, batch=batch)
    hold(trial.label, trial.checks())


class HeadTrial:
    """A head with its slots filled, and rows to train on if it can be trained."""

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        *,
        slots: Mapping[str, Any] | None = None,
        rows: Dataset | None = None,
        batch: int = 2,
    ) -> None:
        self.name, self.config, self.label = name, dict(config), f"head {name!r}"
        self.slots, self.rows, self.batch = dict(slots or {}), rows, batch

    @cached_property
    def plan(self) -> Plan:
        """The checked recipe, with the models of its slots loaded: before any seed is set, as fresh ones draw."""
        from mmzoo.factory import Request

        plan = make_plan({"head": {"name": self.name, **self.config}, **self.slots}, Request().resolver())
        for model in plan.models.values():
            model.load()
        return plan

    def built(self) -> TaskHead:
        """The head with the fresh parameters of a seed."""
        with seeded(0):
            return build(self.plan, device="cpu", name="conformance")

    def checks(self) -> Checks:
        """All checks by name, in order."""
        trained = {
            "training": self.check_training,
            "gradients": self.check_gradients,
            "bf16": lambda: self.check_half(torch.bfloat16),
            "float16": lambda: self.check_half(torch.float16),
        }
        return {
            "registration": lambda: registration.check_summary("head", self.name),
            "unknown-keys": lambda: registration.check_unknown_keys("head", self.name, self.config),
            "config": self.check_recipe,
            "ports": self.check_links,
            "network": self.check_offline,
            "build": self.check_building,
            "meta": self.check_meta,
            "modes": self.check_modes,
            "storage": self.check_storage,
            **(trained if self.rows is not None else {}),
        }

    # --- the recipe ---

    def check_recipe(self) -> None:
        """The recipe survives JSON and gives the same recipe again."""
        registration.check_config("head", self.name, self.config)
        recipe = self.plan.recipe()
        kept = json.loads(json.dumps(recipe, allow_nan=False))
        require(kept == recipe, f"The recipe of {self.label} changes when it is written as JSON and read back.")

    def check_links(self) -> None:
        """Every end of a link is a port that is declared."""
        plan = self.plan
        known = {"head": plan.head.ports()}
        known |= {slot: part.ports() for slot, part in plan.parts.items()}
        known |= {slot: model.head.ports() for slot, model in plan.model_plans.items()}
        for link in getattr(plan.head.cls, "links", ()):
            for end, side in ((link.source, "outputs"), (link.target, "inputs")):
                slot, _, port = end.partition(".")
                if slot == "head" or slot in plan.model_plans:
                    require(
                        port in getattr(known[slot], side),
                        f"{self.label} links {end}, but {slot} declares no such port among its {side}.",
                    )

    # --- building and storing ---

    def check_offline(self) -> None:
        """The head is built without a network; the models of its slots are mmzoo's to fetch."""
        assert self.plan is not None
        with offline() as tried:
            self.built()
        require(not tried, f"{self.label} tries to reach {', '.join(dict.fromkeys(tried))} while it is built.")

    def check_building(self) -> None:
        """Two builds under one seed are equal."""
        first, second = own_tensors(self.built()), own_tensors(self.built())
        for key, tensor in first.items():
            require(torch.equal(tensor, second[key]), f"{self.label}: {key} differs between two builds under one seed.")

    def check_meta(self) -> None:
        """On the meta device it has the same tensors."""
        meta = {key: tuple(t.shape) for key, t in own_tensors(build(self.plan, name="conformance")).items()}
        real = {key: tuple(t.shape) for key, t in own_tensors(self.built()).items()}
        require(
            meta == real,
            f"{self.label} has other tensors when it is built on the meta device; create them in the constructor or in"
            " connect.",
        )

    def check_modes(self) -> None:
        """Models in slots stay in eval mode."""
        head = self.built().train()
        for slot, wanted in head.slots.items():
            part = getattr(head, slot)
            if wanted.model and isinstance(part, nn.Module):
                require(
                    not part.training,
                    f"{self.label}: the model in slot {slot} must stay in eval mode; keep TaskHead.train.",
                )

    def check_storage(self) -> None:
        """Saved and loaded into a skeleton, every tensor and every file is the same."""
        if not all(model.sha256 for model in self.plan.models.values()):
            return
        head = self.built()
        stirred(head)
        with tempfile.TemporaryDirectory() as folder:
            path = save_model(head, folder, dtype=torch.float32)
            loaded = build(self.plan, name="conformance")
            with open_tensors(path / "model.safetensors") as file:
                load_weights(loaded, file)
            loaded.load_files(Path(folder))
            kept = own_tensors(head)
            for key, tensor in own_tensors(loaded).items():
                require(
                    torch.equal(tensor, kept[key]), f"{self.label}: {key} has other values after saving and loading."
                )
            require(
                dict(loaded.files()) == dict(head.files()),
                f"{self.label}: load_files does not bring back what files() wrote.",
            )

    # --- training ---

    def _loss(self, head: TaskHead, seed: int = 0) -> Losses:
        """One training step on `batch` examples, which are drawn by the seed."""
        assert self.rows is not None
        with tempfile.TemporaryDirectory() as cache:
            examples = head.examples(self.rows, Path(cache))
            require(
                len(examples.lengths) == len(examples) > 0,
                f"{self.label}: its examples must have one length each, and be some.",
            )
            chosen = [
                examples.example(index % len(examples), torch.Generator().manual_seed(seed + index))
                for index in range(self.batch)
            ]
            collated = examples.collate(chosen)
        for key, value in collated.items():
            require(isinstance(value, Tensor), f"{self.label}: the batch holds {key}, which is no tensor.")
        with seeded(4):
            losses = head.training_step(collated, torch.Generator().manual_seed(5 + seed))
        require(isinstance(losses, Losses), f"{self.label}: training_step must return Losses.")
        for key, value in {**losses.parts, "total": losses.total}.items():
            require(bool(torch.isfinite(value)), f"{self.label}: the loss {key} is not finite.")
        return losses

    def check_training(self) -> None:
        """One batch and one generator give one loss, and no gradient goes to the models of slots."""
        totals = []
        for _ in range(2):
            head = self.built().train()
            losses = self._loss(head)
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
        head = self.built().train()
        foreign = _foreign(head)
        waiting = {n: p for n, p in head.named_parameters() if p.requires_grad and id(p) not in foreign}
        for step in range(3):
            self._loss(head, seed=10 * step).total.backward()  # type: ignore[no-untyped-call]
            for key, parameter in head.named_parameters():
                gradient, parameter.grad = parameter.grad, None
                if gradient is None or not bool(gradient.any()):
                    continue
                waiting.pop(key, None)
                with torch.no_grad():
                    parameter.sub_(gradient.sign(), alpha=0.001)
        if waiting:
            raise ConformanceError(
                f"{self.label}: no gradient reaches {', '.join(list(waiting)[:3])} in 3 steps; use it, or freeze it"
                " with requires_grad=False."
            )

    def check_half(self, dtype: torch.dtype) -> None:
        """Under autocast, as it is trained on an accelerator, the loss is nearly the one of float32."""
        exact = float(self._loss(self.built().train()).total.detach())
        with torch.autocast("cpu", dtype):
            half = float(self._loss(self.built().train()).total.detach())
        name = str(dtype).removeprefix("torch.")
        require(
            abs(half - exact) <= 0.1 * max(1.0, abs(exact)),
            f"{self.label}: under autocast to {name} the loss is {half:.4g} where it is {exact:.4g} in float32.",
        )


def _foreign(head: TaskHead) -> set[int]:
    """Parameters that belong to the models in slots."""
    return {
        id(parameter)
        for slot, wanted in head.slots.items()
        if wanted.model and getattr(head, slot) is not None
        for parameter in getattr(head, slot).parameters()
    }
