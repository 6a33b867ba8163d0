"""The contract of registered callables: datasets, metrics, judges and commands."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmzoo.testing import registration
from mmzoo.testing.common import Checks, applicable, require
from mmzoo.testing.offline import offline


class FunctionTrial:
    """A dataset, metric, judge or command; a dataset is built if it was registered with a trial config."""

    def __init__(self, kind: str, name: str, config: Mapping[str, Any]) -> None:
        self.kind, self.name, self.config, self.label = kind, name, dict(config), f"{kind} {name!r}"

    def checks(self) -> Checks:
        """All checks by name, in order."""
        return {
            "registration": lambda: registration.check_summary(self.kind, self.name),
            "network": lambda: registration.check_offline_import(self.kind, self.name),
            "signature": self.check_signature,
            **({"rows": self.check_rows} if self.kind == "dataset" else {}),
        }

    @property
    def target(self) -> Any:
        """The registered callable."""
        return registration.loaded(self.kind, self.name)

    def check_signature(self) -> None:
        """It is callable: a dataset with keywords only, a metric with the model first, a judge without arguments."""
        require(callable(self.target), f"{self.label} is registered with an object that cannot be called.")
        require(
            self.kind == "dataset" or not self.config,
            f"{self.label} is registered with the trial {self.config}; a {self.kind} cannot have trials.",
        )
        if self.kind == "command":
            return
        arguments = list(inspect.signature(self.target).parameters.values())
        if self.kind == "metric":
            positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            require(
                bool(arguments) and arguments[0].kind in positional,
                f"{self.label} takes no positional argument; its first must be the model it judges.",
            )
            arguments = arguments[1:]
        if self.kind == "judge":
            require(
                not any(argument.default is inspect.Parameter.empty for argument in arguments),
                f"{self.label} requires {', '.join(a.name for a in arguments)}; a judge is made without arguments.",
            )
            return
        for argument in arguments:
            require(
                argument.kind is inspect.Parameter.KEYWORD_ONLY,
                f"{self.label} takes {argument.name!r} by position or as a catch-all; put `*` before its options.",
            )

    def check_rows(self) -> None:
        """Every split has rows with the columns of `mmzoo.data`; the build works offline and is deterministic."""
        from mmzoo.data import load_dataset_component, row_features

        applicable(bool(self.config), "no trial with a config is registered, so the dataset is not built")
        with offline() as tried:
            splits = load_dataset_component(self.name, **self.config)
        registration.refuse_reaching(self.label, tried, "it is built")
        again = load_dataset_component(self.name, **self.config)
        for split, rows in splits.items():
            require(len(rows) > 0, f"{self.label} has no rows in the split {split}.")
            require(
                set(row_features()) <= set(rows.column_names),
                f"{self.label} has the columns {', '.join(rows.column_names)}; make rows with mmzoo.data.make_row.",
            )
            require(
                rows[0] == again[split][0],
                f"{self.label} gives other rows when built again; draw from a seeded generator.",
            )
