"""The contract of a registered model: its recipe, its tensors, its licence and card, and what its weights give."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from mmzoo.composition import build, make_plan, own_tensors
from mmzoo.errors import UnknownKeyError
from mmzoo.registry.specs import ModelSpec
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.offline import offline
from mmzoo.testing.registration import NONSENSE


class ModelTrial:
    """A model of the catalog, whole and in its own size; nothing is trained or downloaded."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.label = spec, f"model {spec.name!r}"

    def checks(self) -> Checks:
        """All checks by name, in order."""
        bundled = {"card": self.check_card, "golden": self.check_golden} if self.folder is not None else {}
        return {
            "registration": self.check_registration,
            "unknown-keys": self.check_unknown_keys,
            "config": self.check_config,
            "network": self.check_offline,
            "meta": self.check_meta,
            **({"licence": self.check_licence} if self.spec.weights else {}),
            **bundled,
        }

    @cached_property
    def folder(self) -> Path | None:
        """The model repo, where it lies on this machine."""
        from mmzoo.hub.sources import bundled_folder

        named = any(weights.source == "bundled" for weights in self.spec.weights)
        return bundled_folder(self.spec.name) if named else None

    @cached_property
    def plan(self) -> Any:
        """The checked recipe; models in its slots have fresh parameters."""
        from mmzoo.factory import Request

        return make_plan(self._recipe(), Request().resolver())

    def _recipe(self) -> dict[str, Any]:
        fresh = {
            slot: {**value, "pretrained": False}
            for slot, value in self.spec.recipe.items()
            if isinstance(value, dict) and "model" in value
        }
        return {**self.spec.recipe, **fresh}

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
        from mmzoo.factory import Request

        try:
            make_plan({**self._recipe(), NONSENSE: 1}, Request().resolver())
        except UnknownKeyError:
            return
        raise ConformanceError(f"{self.label} accepts the unknown slot {NONSENSE}.")

    def check_config(self) -> None:
        """The recipe with every default filled in survives JSON and gives the same recipe again."""
        from mmzoo.factory import Request

        recipe = self.plan.recipe()
        kept = json.loads(json.dumps(recipe, allow_nan=False))
        again = make_plan(kept, Request().resolver()).recipe()
        require(kept == recipe == again, f"The resolved recipe of {self.label} changes when it is resolved again.")

    def check_offline(self) -> None:
        """It is built without a network."""
        with offline() as tried:
            build(self.plan, name=self.spec.name)
        require(not tried, f"{self.label} tries to reach {', '.join(dict.fromkeys(tried))} while it is built.")

    def check_meta(self) -> None:
        """It is built on the meta device, and has tensors unless it needs none."""
        tensors = own_tensors(build(self.plan, name=self.spec.name))
        require(
            all(tensor.is_meta or tensor.numel() < 1 << 16 for tensor in tensors.values()),
            f"{self.label} fills large tensors when it is built on the meta device.",
        )

    def check_licence(self) -> None:
        """All weights name their licence, where they are registered or on the card."""
        from mmzoo.hub.sources import card_license

        for weights in self.spec.weights:
            told = weights.license or (card_license(self.folder) if self.folder is not None else None)
            require(bool(told), f"{self.label}: the weights {weights.tag!r} name no licence; give Weights one.")

    def check_card(self) -> None:
        """The model repo has a card, of which the licence is the registered one."""
        from mmzoo.hub.sources import card_license

        assert self.folder is not None
        card = self.folder / "README.md"
        require(card.is_file() and bool(card.read_text("utf-8").strip()), f"{self.label} has no card, {card.name}.")
        told, wanted = card_license(self.folder), self.spec.weights[0].license
        require(
            bool(told) and wanted in (None, told),
            f"{self.label} has the licence {told!r} on its card and {wanted!r} in its registration.",
        )

    def check_golden(self) -> None:
        """The weights give the outputs that were stored with them."""
        from mmzoo.factory import create
        from mmzoo.hub.golden import FILE, check_golden

        assert self.folder is not None
        if (self.folder / FILE).is_file():
            check_golden(create(f"local-dir:{self.folder}"), self.folder)
