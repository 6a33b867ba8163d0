"""The contract of a ForeignFormat."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from mmzoo.composition import check, compose, load_weights, own_tensors, read_config
from mmzoo.composition.foreign import opened, save_foreign, tensors_of
from mmzoo.errors import MmzooError, UnknownKeyError
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces import ForeignFormat, TaskHead
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.registry.specs import ComponentSpec
from mmzoo.testing import registration
from mmzoo.testing.common import Checks, ConformanceError, hold, require, seeded


def check_format(name: str, **config: Any) -> None:
    """Hold the format of this name, with the config of a small model in it, to its contract.

    Raises ConformanceError.
    """
    trial = FormatTrial(name, config)
    hold(trial.label, trial.checks())


class FormatTrial:
    """A format with the config of a small model, as it stands in that library's config.json."""

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config, self.label = name, dict(config), f"format {name!r}"

    @property
    def spec(self) -> ComponentSpec:
        """What is registered, its module imported without a network."""
        from mmzoo import registry

        registration.loaded("format", self.name)
        return registry.catalog().component("format", self.name)

    def checks(self) -> Checks:
        """All checks by name, in order."""
        return {
            "registration": lambda: registration.check_summary("format", self.name),
            "network": lambda: registration.check_offline_import("format", self.name),
            "unknown-keys": self.check_unknown_keys,
            "recipe": self.check_recipe,
            "key-map": self.check_key_map,
            "round-trip": self.check_round_trip,
        }

    @cached_property
    def format(self) -> ForeignFormat:
        """The format, opened on the trial's config."""
        return opened(self.spec, self.config, "config.json")

    def _model(self) -> TaskHead:
        with seeded(0):
            return compose(self.format.recipe(), device="cpu")

    def check_unknown_keys(self) -> None:
        """A key of config.json that the format does not know is refused."""
        try:
            opened(self.spec, {**self.config, registration.NONSENSE: 1}, "config.json")
        except UnknownKeyError:
            return
        raise ConformanceError(f"{self.label} accepts the unknown key {registration.NONSENSE}; it must be an error.")

    def check_recipe(self) -> None:
        """The recipe can be built, and the config of its model describes the same model."""
        resolved = check(ResolvedModel(self.format.recipe())).recipe()
        config = type(self.format).config_of(resolved)
        again = check(ResolvedModel(opened(self.spec, config, "config.json").recipe())).recipe()
        require(again == resolved, f"{self.label}: the config_of its recipe describes another model.")

    def check_key_map(self) -> None:
        """Every tensor of the model is in one tie, and no tensor of theirs in two."""
        ties = self.format.ties()
        ours, theirs = Counter(n for t in ties for n in t.ours), Counter(n for t in ties for n in t.theirs)
        wrong = [name for name in own_tensors(self._model()).keys() | ours.keys() if ours[name] != 1]
        unknown = sorted(ours.keys() - own_tensors(self._model()).keys())
        require(not unknown, f"{self.label}: ties name {', '.join(unknown[:3])}, which the model does not have.")
        require(not wrong, f"{self.label}: {', '.join(sorted(wrong)[:3])} of the model must be in one tie each.")
        twice = sorted(name for name, count in theirs.items() if count > 1)
        require(not twice, f"{self.label}: {', '.join(twice[:3])} of the file is in several ties.")

    @torch.no_grad()
    def check_round_trip(self) -> None:
        """A model written in the format, and read again, has the same config and computes the same."""
        head = self._model().eval()
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            try:
                save_foreign(head, place, self.name)
                config = read_config(place)
                again = compose(config.recipe)
                with open_tensors(place / WEIGHTS_NAME) as file:
                    load_weights(again, tensors_of(config, file))
            except MmzooError as error:
                raise ConformanceError(f"{self.label} cannot read what it wrote: {error}") from error
        inputs, mine = head.golden(None)
        _, theirs = again.eval().golden(inputs)
        require(bool(mine), f"{self.label}: its model has no golden outputs to compare; write `golden` of its head.")
        for name, value in mine.items():
            require(
                torch.allclose(value, theirs[name], atol=1e-5, rtol=1e-5),
                f"{self.label}: a model that was written and read again gives another {name}.",
            )
