"""The contract of a registered model: its recipe, its tensors, and the licence, card and outputs of its weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.composition import check
from mmzoo.errors import ConfigError, DataError, TrainingError, UnknownKeyError
from mmzoo.hub.tree import models_in
from mmzoo.interfaces import Examples, TaskHead
from mmzoo.model_folder import GOLDEN_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.registry.specs import ModelSpec, Weights
from mmzoo.resolve import resolve_recipe
from mmzoo.testing import running
from mmzoo.testing.common import Checks, ConformanceError, NotChecked, applicable, require
from mmzoo.testing.registration import NONSENSE
from mmzoo.testing.rows import rows_of
from mmzoo.testing.subject import check_building, check_meta, check_storage
from mmzoo.testing.whole import Whole

if TYPE_CHECKING:
    from datasets import Dataset

ROWS = 10
"""Rows, and labels, on which models are tried."""


class ModelTrial(Whole):
    """A model of the catalog, whole and in its own size, with fresh parameters; nothing is downloaded."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.label = spec, f"model {spec.name!r}"

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "config": self.check_config,
            "unknown-keys": self.check_unknown_keys,
            "network": self.check_offline,
            "build": lambda: check_building(self),
            "meta": lambda: check_meta(self),
            "determinism": self.check_determinism,
            "gradients": self.check_gradients,
            "storage": lambda: check_storage(self),
            "export": lambda: running.check_export(self),
            "compile": lambda: running.check_compile(self, "aot_eager"),
            "bf16": lambda: self.check_half(torch.bfloat16),
            "float16": lambda: self.check_half(torch.float16),
            "licence": self.check_licence,
            "card": lambda: self.for_each_folder(self.check_card),
            "golden": lambda: self.for_each_folder(self.check_golden),
        }

    @cached_property
    def rows(self) -> Dataset | None:
        """As the first trial of its head says."""
        from mmzoo import registry

        head = self.spec.recipe["head"]
        spec = registry.catalog().component("head", head if isinstance(head, str) else head["name"])
        return rows_of(spec.trials[0].get("rows", True), ROWS)

    def examples(self, head: TaskHead, cache: Path) -> Examples:
        try:
            return super().examples(head, cache)
        except (ConfigError, DataError, TrainingError) as error:
            raise NotChecked(f"not applicable: the sample rows do not suit it ({str(error).rstrip('.')})") from error

    def usable(self) -> TaskHead:
        """With its first weights, if they are here."""
        from mmzoo.factory import create

        folder = self.folder(self.spec.weights[0]) if self.spec.weights else None
        found: TaskHead = super().usable() if folder is None else create(f"local-dir:{folder}")
        return found

    @property
    def recipe(self) -> dict[str, Any]:
        """Models in its slots have fresh parameters too."""
        fresh = {slot: {"model": ref.name, "pretrained": False} for slot, ref in models_in(self.spec.recipe).items()}
        return {**self.spec.recipe, **fresh}

    # --- the recipe ---

    def check_registration(self) -> None:
        """A task, modalities and a summary of one line."""
        spec = self.spec
        require(bool(spec.task.strip()), f"{self.label} is registered without a task.")
        require(bool(spec.modalities), f"{self.label} is registered without modalities, so that no filter finds it.")
        summary = spec.summary.strip()
        require(
            bool(summary) and len(summary.splitlines()) == 1 and summary.isprintable(),
            f"{self.label} is registered with the summary {spec.summary!r}; one line of text tells what it is.",
        )

    def check_unknown_keys(self) -> None:
        """A slot that the head does not have is refused."""
        try:
            check(resolve_recipe({**self.recipe, NONSENSE: 1}))
        except UnknownKeyError as error:
            if NONSENSE in error.path:
                return
            raise
        raise ConformanceError(f"{self.label} accepts the unknown slot {NONSENSE}.")

    def check_config(self) -> None:
        """The recipe with every default filled in survives JSON and gives the same recipe again."""
        recipe = self.plan.recipe()
        kept = json.loads(json.dumps(recipe, allow_nan=False))
        again = check(resolve_recipe(kept)).recipe()
        require(kept == recipe == again, f"The resolved recipe of {self.label} changes when it is resolved again.")

    # --- published weights ---

    def folder(self, weights: Weights) -> Path | None:
        """The model repo of registered weights; None if it is not on this machine."""
        from mmzoo.hub.huggingface import snapshot_folder
        from mmzoo.hub.sources import bundled_folder, parse_source

        source = parse_source(weights.source)
        if source.scheme == "hf-hub":
            found: Path | None = snapshot_folder(source.place, str(source.revision))
        else:
            found = bundled_folder(self.spec.name) if source.scheme == "bundled" else Path(source.place).expanduser()
        return found if found is not None and (found / WEIGHTS_NAME).is_file() else None

    def for_each_folder(self, check: Callable[[Weights, Path], None]) -> None:
        """Check all weights that are here."""
        applicable(bool(self.spec.weights), "no weights are registered")
        absent = []
        for weights in self.spec.weights:
            folder = self.folder(weights)
            if folder is not None:
                check(weights, folder)
            elif weights.source.startswith("hf-hub:"):
                absent.append(weights.tag)
            else:
                raise ConformanceError(
                    f"{self.label} registers the weights {weights.tag!r} as {weights.source}, and they are not there;"
                    " give the place where they are, or register none."
                )
        if absent:
            raise NotChecked(f"not checked: the weights {', '.join(absent)} are not on this machine")

    def check_licence(self) -> None:
        """All weights name their licence, where they are registered or on the card."""
        applicable(bool(self.spec.weights), "no weights are registered")
        for weights in self.spec.weights:
            folder = None if weights.license else self.folder(weights)
            told = weights.license or (ModelFolder(folder).license if folder is not None else None)
            require(bool(told), f"{self.label}: the weights {weights.tag!r} name no licence; give Weights one.")

    def check_card(self, weights: Weights, folder: Path) -> None:
        """The model repo has a card, of which the licence is the registered one."""
        card = folder / "README.md"
        require(
            card.is_file() and bool(card.read_text("utf-8").strip()),
            f"{self.label} has no card in {folder}; `mmzoo card` writes one.",
        )
        told = ModelFolder(folder).license
        require(
            bool(told) and weights.license in (None, told),
            f"{self.label} has the licence {told!r} on its card and {weights.license!r} in its registration.",
        )

    def check_golden(self, weights: Weights, folder: Path) -> None:
        """The weights give the outputs that were stored with them."""
        from mmzoo.factory import create
        from mmzoo.hub.golden import check_golden

        if (
            not (folder / GOLDEN_NAME).is_file() and self.golden is not None
        ):  # NotChecked if its head has no golden outputs
            raise ConformanceError(f"{self.label} has no {GOLDEN_NAME} in {folder}; `mmzoo card` writes it.")
        check_golden(create(f"local-dir:{folder}"), folder)
