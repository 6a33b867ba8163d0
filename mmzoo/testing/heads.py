"""The contract of a TaskHead, with its parts in its slots."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmzoo.composition import build, load_weights, make_plan, own_tensors, save_model
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.interfaces import Losses, TaskHead
from mmzoo.testing.common import ConformanceError, close, require, seeded, stirred

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
    from mmzoo.factory import Request

    plan = make_plan({"head": {"name": name, **config}, **(slots or {})}, Request().resolver())
    _check_recipe(plan)
    for model in plan.models.values():
        model.load()  # once and before any seed is set: a model with fresh parameters draws them
    head, twin = _built(plan), _built(plan)
    for key, tensor in own_tensors(head).items():
        require(
            torch.equal(tensor, own_tensors(twin)[key]), f"{name}: {key} differs between two builds under one seed."
        )
    _check_modes(head, name)
    if all(model.sha256 for model in plan.models.values()):
        _check_storage(plan, head, name)
    if rows is not None:
        _check_training(plan, rows, batch)


def _built(plan: Plan) -> TaskHead:
    with seeded(0):
        return build(plan, device="cpu", name="conformance")


def _check_recipe(plan: Plan) -> None:
    recipe = plan.recipe()
    kept = json.loads(json.dumps(recipe, allow_nan=False))
    require(kept == recipe, f"The recipe of {plan.head.label} changes when it is written as JSON and read back.")
    known = {"head": plan.head.ports()}
    known |= {slot: part.ports() for slot, part in plan.parts.items()}
    known |= {slot: model.head.ports() for slot, model in plan.model_plans.items()}
    for link in getattr(plan.head.cls, "links", ()):
        for end, side in ((link.source, "outputs"), (link.target, "inputs")):
            slot, _, port = end.partition(".")
            if slot == "head" or slot in plan.model_plans:
                require(
                    port in getattr(known[slot], side),
                    f"{plan.head.label} links {end}, but {slot} declares no such port among its {side}.",
                )


def _check_modes(head: TaskHead, name: str) -> None:
    """Models in slots stay in eval mode and keep their weights."""
    head.train()
    for slot, wanted in head.slots.items():
        part = getattr(head, slot)
        if wanted.model and isinstance(part, nn.Module):
            require(not part.training, f"{name}: the model in slot {slot} must stay in eval mode; keep TaskHead.train.")
    head.eval()


def _check_storage(plan: Plan, head: TaskHead, name: str) -> None:
    """Saved and loaded into a skeleton, every tensor and every file is the same."""
    stirred(head)
    with tempfile.TemporaryDirectory() as folder:
        path = save_model(head, folder, dtype=torch.float32)
        loaded = build(plan, name="conformance")
        with open_tensors(path / "model.safetensors") as file:
            load_weights(loaded, file)
        loaded.load_files(Path(folder))
        for key, tensor in own_tensors(loaded).items():
            require(
                torch.equal(tensor, own_tensors(head)[key]), f"{name}: {key} has other values after saving and loading."
            )
        require(
            dict(loaded.files()) == dict(head.files()), f"{name}: load_files does not bring back what files() wrote."
        )


def _check_training(plan: Plan, rows: Dataset, batch: int) -> None:
    """Examples come from their generator, and one step gives finite losses and gradients, twice the same."""
    name = plan.head.label
    totals = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            head = _built(plan).train()
            examples = head.examples(rows, Path(cache))
            require(
                len(examples.lengths) == len(examples) > 0,
                f"{name}: its examples must have one length each, and be some.",
            )
            chosen = [
                examples.example(index % len(examples), torch.Generator().manual_seed(index)) for index in range(batch)
            ]
            collated = examples.collate(chosen)
            for key, value in collated.items():
                require(isinstance(value, Tensor), f"{name}: the batch holds {key}, which is no tensor.")
            with seeded(4):
                losses = head.training_step(collated, torch.Generator().manual_seed(5))
            require(isinstance(losses, Losses), f"{name}: training_step must return Losses.")
            for key, value in losses.parts.items():
                require(bool(torch.isfinite(value)), f"{name}: the loss {key} is not finite.")
            totals.append(losses.total.detach())
            _check_gradients(head, losses.total, name)
    require(close(totals[0], totals[1]), f"{name}: one batch, one generator and two losses; draw from the generator.")


def _check_gradients(head: TaskHead, total: Tensor, name: str) -> None:
    require(bool(torch.isfinite(total)), f"{name}: the loss is not finite.")
    total.backward()  # type: ignore[no-untyped-call]
    foreign = {
        id(parameter)
        for slot, wanted in head.slots.items()
        if wanted.model and getattr(head, slot) is not None
        for parameter in getattr(head, slot).parameters()
    }
    for key, parameter in head.named_parameters():
        if parameter.grad is not None and id(parameter) in foreign:
            raise ConformanceError(f"{name}: a gradient reaches {key}, which belongs to the model of a slot.")
        if parameter.grad is not None:
            require(bool(torch.isfinite(parameter.grad).all()), f"{name}: the gradient of {key} is not finite.")
    require(
        any(parameter.grad is not None for parameter in head.parameters()),
        f"{name}: no gradient reaches any parameter.",
    )
