"""The contract of a registered model: recipe and tensors, and the license, card and outputs of its weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.composition import check
from mmzoo.errors import ConfigError, DataError, TrainingError, UnknownKeyError
from mmzoo.factory import create
from mmzoo.hub.golden import check_golden
from mmzoo.hub.huggingface import snapshot_folder
from mmzoo.hub.sources import bundled_folder, parse_source
from mmzoo.hub.tree import models_in
from mmzoo.interfaces import Examples, TaskHead
from mmzoo.model_folder import CARD_NAME, GOLDEN_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.registry import catalog
from mmzoo.registry.specs import ModelSpec, Weights
from mmzoo.resolve import resolve_recipe
from mmzoo.testing.common import Checks, ConformanceError, NotChecked, applicable, require
from mmzoo.testing.filled_head import FilledHead
from mmzoo.testing.registration import NONSENSE, require_json, require_summary
from mmzoo.testing.rows import rows_of

if TYPE_CHECKING:
    from datasets import Dataset

ROWS = 10
"""Number of sample rows, and of labels, on which models are checked."""


class ModelTrial(FilledHead):
    """A registered model at full size with fresh parameters; nothing is downloaded."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.label = spec, f"model {spec.name!r}"

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "config": self.check_config,
            "unknown-keys": self.check_unknown_keys,
            "network": self.check_offline,
            "build": self.check_build,
            "meta": self.check_meta,
            "determinism": self.check_determinism,
            "gradients": self.check_gradients,
            "storage": self.check_storage,
            "export": self.check_export,
            "compile": lambda: self.check_compile("aot_eager"),
            "bf16": lambda: self.check_half(torch.bfloat16),
            "float16": lambda: self.check_half(torch.float16),
            "licence": self.check_license,  # records and `mmzoo show` spell it this way
            "card": lambda: self.for_each_folder(self.check_card),
            "golden": lambda: self.for_each_folder(self.check_golden),
        }

    @cached_property
    def rows(self) -> Dataset | None:
        """The rows that the first trial of its head asks for."""
        head = self.spec.recipe["head"]
        spec = catalog().component("head", head if isinstance(head, str) else head["name"])
        return rows_of(spec.trials[0].get("rows", True), ROWS)

    def examples(self, head: TaskHead, cache: Path) -> Examples:
        try:
            return super().examples(head, cache)
        except (ConfigError, DataError, TrainingError) as error:
            raise NotChecked(
                f"not applicable: the sample rows do not fit this model ({str(error).rstrip('.')})"
            ) from error

    def realistic(self) -> Any:
        """The model with its first weights if they are on this machine, else with fresh parameters."""
        folder = self.folder(self.spec.weights[0]) if self.spec.weights else None
        return self.component() if folder is None else create(f"local-dir:{folder}")

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe, with fresh parameters for models in slots too."""
        fresh = {slot: {"model": ref.name, "pretrained": False} for slot, ref in models_in(self.spec.recipe).items()}
        return {**self.spec.recipe, **fresh}

    # --- the recipe ---

    def check_registration(self) -> None:
        """It has a task, modalities and a one-line summary."""
        spec = self.spec
        require(bool(spec.task.strip()), f"{self.label} is registered without a task.")
        require(bool(spec.modalities), f"{self.label} is registered without modalities, so no filter finds it.")
        require_summary(self.label, spec.summary)

    def check_unknown_keys(self) -> None:
        """An unknown slot is rejected."""
        try:
            check(resolve_recipe({**self.recipe, NONSENSE: 1}))
        except UnknownKeyError as error:
            if NONSENSE not in error.path:
                raise
        else:
            raise ConformanceError(f"{self.label} accepts the unknown slot {NONSENSE}.")

    def check_config(self) -> None:
        """The recipe with all defaults filled in survives a JSON round trip and resolves to itself."""
        recipe = self.plan.recipe()
        require_json(recipe, f"The recipe of {self.label}")
        again = check(resolve_recipe(recipe)).recipe()
        require(again == recipe, f"The resolved recipe of {self.label} changes when it is resolved again.")

    # --- published weights ---

    def folder(self, weights: Weights) -> Path | None:
        """The model folder of registered weights; None if it is not on this machine."""
        source = parse_source(weights.source)
        if source.scheme == "hf-hub":
            folder: Path | None = snapshot_folder(source.place, str(source.revision))
        else:
            folder = bundled_folder(self.spec.name) if source.scheme == "bundled" else Path(source.place).expanduser()
        return folder if folder is not None and (folder / WEIGHTS_NAME).is_file() else None

    def for_each_folder(self, check: Callable[[Weights, Path], None]) -> None:
        """Run a check on all weights that are on this machine."""
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
                    f"{self.label} registers the weights {weights.tag!r} as {weights.source}, but they are not there;"
                    " correct the source, or do not register them."
                )
        if absent:
            raise NotChecked(f"not checked: the weights {', '.join(absent)} are not on this machine")

    def check_license(self) -> None:
        """All weights name their license, in the registration or on the card."""
        applicable(bool(self.spec.weights), "no weights are registered")
        for weights in self.spec.weights:
            folder = None if weights.license else self.folder(weights)
            license = weights.license or (ModelFolder(folder).license if folder is not None else None)
            require(
                bool(license), f"{self.label}: the weights {weights.tag!r} have no license; pass license= to Weights."
            )

    def check_card(self, weights: Weights, folder: Path) -> None:
        """The model folder has a card with the registered license."""
        card = folder / CARD_NAME
        require(
            card.is_file() and bool(card.read_text("utf-8").strip()),
            f"{self.label} has no card in {folder}; `mmzoo card` writes one.",
        )
        license = ModelFolder(folder).license
        require(
            bool(license) and weights.license in (None, license),
            f"{self.label} has the license {license!r} on its card and {weights.license!r} in its registration.",
        )

    def check_golden(self, weights: Weights, folder: Path) -> None:
        """The weights reproduce the golden outputs stored with them."""
        # `golden` raises NotChecked if the head has no golden outputs.
        if not (folder / GOLDEN_NAME).is_file() and self.golden is not None:
            raise ConformanceError(f"{self.label} has no {GOLDEN_NAME} in {folder}; `mmzoo card` writes it.")
        check_golden(create(f"local-dir:{folder}"), folder)
