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
from mmzoo.testing.common import Checks, ConformanceError, require, run_checks, seeded


def check_format(name: str, **config: Any) -> None:
    """Check a registered format against the contract of its kind.

    Args:
        name: The registered name.
        **config: The config.json of a small model in that format.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = FormatTrial(name, config)
    run_checks(trial.label, trial.checks())


class FormatTrial:
    """A format with the config.json of a small model in it."""

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config, self.label = name, dict(config), f"format {name!r}"

    @property
    def spec(self) -> ComponentSpec:
        """The registration, after importing its module offline."""
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
        """The format, instantiated with the trial's config."""
        return opened(self.spec, self.config, "config.json")

    def _model(self) -> TaskHead:
        with seeded(0):
            return compose(self.format.recipe(), device="cpu")

    def check_unknown_keys(self) -> None:
        """An unknown key in config.json is rejected."""
        try:
            opened(self.spec, {**self.config, registration.NONSENSE: 1}, "config.json")
        except UnknownKeyError:
            return
        raise ConformanceError(
            f"{self.label} accepts the unknown key {registration.NONSENSE}; it must raise UnknownKeyError."
        )

    def check_recipe(self) -> None:
        """The recipe can be checked, and `config_of` inverts it."""
        resolved = check(ResolvedModel(self.format.recipe())).recipe()
        config = type(self.format).config_of(resolved)
        again = check(ResolvedModel(opened(self.spec, config, "config.json").recipe())).recipe()
        require(again == resolved, f"{self.label}: config_of(recipe) describes another model.")

    def check_key_map(self) -> None:
        """Each of the model's tensors is in exactly one tie, and each of the file's in at most one."""
        ties = self.format.ties()
        ours, theirs = Counter(n for t in ties for n in t.ours), Counter(n for t in ties for n in t.theirs)
        wrong = [name for name in own_tensors(self._model()).keys() | ours.keys() if ours[name] != 1]
        unknown = sorted(ours.keys() - own_tensors(self._model()).keys())
        require(not unknown, f"{self.label}: ties name {', '.join(unknown[:3])}, which the model does not have.")
        require(not wrong, f"{self.label}: the model's {', '.join(sorted(wrong)[:3])} must be in one tie each.")
        twice = sorted(name for name, count in theirs.items() if count > 1)
        require(not twice, f"{self.label}: the file's {', '.join(twice[:3])} must not be in several ties.")

    @torch.no_grad()
    def check_round_trip(self) -> None:
        """A model written in the format and read back gives the same outputs."""
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
        require(
            bool(mine), f"{self.label}: its model has no golden outputs to compare; implement `golden` in its head."
        )
        for name, value in mine.items():
            require(
                torch.allclose(value, theirs[name], atol=1e-5, rtol=1e-5),
                f"{self.label}: writing a model and reading it back changes its output {name}.",
            )
