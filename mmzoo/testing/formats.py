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
from mmzoo.errors import MmzooError
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces import ForeignFormat, TaskHead
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.registration import RegisteredTrial
from mmzoo.testing.values import seeded


class FormatTrial(RegisteredTrial):
    """A format with the config.json of a small model in it."""

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "network": self.check_import,
            "unknown-keys": self.check_unknown_keys,
            "recipe": self.check_recipe,
            "key-map": self.check_key_map,
            "round-trip": self.check_round_trip,
        }

    def part_of(self, config: Mapping[str, Any]) -> Any:
        """The format, instantiated with a config."""
        self.load()
        return opened(self.spec, config, "config.json")

    @cached_property
    def format(self) -> ForeignFormat:
        """The format, instantiated with the trial's config."""
        return self.part_of(self.config)  # type: ignore[no-any-return]

    def _model(self) -> TaskHead:
        with seeded(0):
            return compose(self.format.recipe(), device="cpu")

    def check_recipe(self) -> None:
        """The recipe can be checked, and `config_of` inverts it."""
        resolved = check(ResolvedModel(self.format.recipe())).recipe()
        config = type(self.format).config_of(resolved)
        again = check(ResolvedModel(self.part_of(config).recipe())).recipe()
        require(again == resolved, f"{self.label}: config_of(recipe) describes another model.")

    def check_key_map(self) -> None:
        """Each of the model's tensors is in exactly one tie, and each of the file's in at most one."""
        ties, names = self.format.ties(), own_tensors(self._model()).keys()
        ours, theirs = Counter(n for t in ties for n in t.ours), Counter(n for t in ties for n in t.theirs)
        wrong = [name for name in names | ours.keys() if ours[name] != 1]
        unknown = sorted(ours.keys() - names)
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
