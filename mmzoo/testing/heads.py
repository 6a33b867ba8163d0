"""The contract of a TaskHead with its slots filled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.testing import registration, running
from mmzoo.testing.common import Checks, ConformanceError, require, run_checks
from mmzoo.testing.filled_head import FilledHead
from mmzoo.testing.rows import rows_of
from mmzoo.testing.target import check_building, check_meta, check_storage

if TYPE_CHECKING:
    from datasets import Dataset


def check_head(
    name: str, *, slots: Mapping[str, Any] | None = None, rows: Dataset | None = None, batch: int = 2, **config: Any
) -> None:
    """Check a registered head, with its slots filled, against the contract of its kind.

    Args:
        name: The registered name.
        slots: As in a recipe: `{"quantizer": {"name": "vq", "dim": 8}}`. A model slot takes a model with weights, or
            `{"model": name, "pretrained": False}`.
        rows: A few dataset rows on which to check training steps; None for no training.
        batch: Examples in a training batch.
        **config: The head's config.

    Raises:
        ConformanceError: One or more checks failed.
        MmzooError: The recipe is invalid, as for `create`.
    """
    trial = HeadTrial(name, config, slots=slots, rows=rows, batch=batch)
    run_checks(trial.label, trial.checks())


class HeadTrial(FilledHead):
    """A head with its slots filled, and rows if it can be trained."""

    def __init__(
        self,
        name: str,
        config: Mapping[str, Any],
        *,
        slots: Mapping[str, Any] | None = None,
        rows: Any = None,
        batch: int = 2,
    ) -> None:
        """`rows` takes a dataset, or any value that `rows` of a trial takes."""
        self.name, self.config, self.label = name, dict(config), f"head {name!r}"
        self.slots, self.trial_rows, self.batch = slots or {}, rows, batch

    @cached_property
    def rows(self) -> Dataset | None:
        return rows_of(self.trial_rows)

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        if not isinstance(self.slots, Mapping):
            raise ConformanceError(
                f"{self.label} has a trial with slots={self.slots!r}; a mapping of slots to parts was expected."
            )
        registration.loaded("head", self.name)
        return {"head": {"name": self.name, **self.config}, **self.slots}

    def checks(self) -> Checks:
        return {
            "registration": lambda: registration.check_summary("head", self.name),
            "unknown-keys": lambda: registration.check_unknown_keys("head", self.name, self.config),
            "config": self.check_recipe,
            "network": self.check_offline,
            "ports": self.check_links,
            "build": lambda: check_building(self),
            "meta": lambda: check_meta(self),
            "modes": self.check_modes,
            "determinism": self.check_determinism,
            "training": self.check_training,
            "batch-keys": self.check_keys,
            "masks": self.check_masks,
            "batch": self.check_batch,
            "gradients": self.check_gradients,
            "storage": lambda: check_storage(self),
            **running.checks(self),
            "bf16": lambda: self.check_half(torch.bfloat16),
            "float16": lambda: self.check_half(torch.float16),
        }

    def check_recipe(self) -> None:
        """The recipe survives a JSON round trip."""
        registration.check_config("head", self.name, self.config)
        recipe = self.plan.recipe()
        restored = json.loads(json.dumps(recipe, allow_nan=False))
        require(restored == recipe, f"The recipe of {self.label} changes when written as JSON and read back.")

    def check_offline(self) -> None:
        registration.check_offline_import("head", self.name)
        super().check_offline()

    def check_links(self) -> None:
        """Both ends of every link are declared ports."""
        plan = self.plan
        ports = {"head": plan.head.ports()}
        ports |= {slot: part.ports() for slot, part in plan.parts.items()}
        ports |= {slot: model.head.ports() for slot, model in plan.models.items()}
        for link in getattr(plan.head.cls, "links", ()):
            for end, side in ((link.source, "outputs"), (link.target, "inputs")):
                slot, _, port = end.partition(".")
                if slot == "head" or slot in plan.models:
                    require(
                        port in getattr(ports[slot], side),
                        f"{self.label} links {end}, but {slot} declares no such port among its {side}.",
                    )
