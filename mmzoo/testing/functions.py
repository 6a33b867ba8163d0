"""The contract of what is registered as something to call: datasets, metrics, judges and commands."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmzoo.testing import registration
from mmzoo.testing.common import Checks, applicable, require
from mmzoo.testing.offline import offline


class FunctionTrial:
    """A dataset builder, metric, judge or command. A dataset is built if it was registered with a trial config."""

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
        """What the name stands for."""
        return registration.loaded(self.kind, self.name)

    def check_signature(self) -> None:
        """It can be called: a dataset by keywords alone, a metric with the model first, a judge without arguments."""
        require(callable(self.target), f"{self.label} is registered with something that cannot be called.")
        require(
            self.kind == "dataset" or not self.config,
            f"{self.label} is registered with the trial {self.config}; only datasets among functions have any.",
        )
        if self.kind == "command":
            return
        arguments = list(inspect.signature(self.target).parameters.values())
        if self.kind == "metric":
            positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            require(
                bool(arguments) and arguments[0].kind in positional,
                f"{self.label} takes nothing by position; the model it judges comes first.",
            )
            arguments = arguments[1:]
        if self.kind == "judge":
            require(
                not any(argument.default is inspect.Parameter.empty for argument in arguments),
                f"{self.label} takes {', '.join(a.name for a in arguments)}; a judge is made without arguments.",
            )
            return
        for argument in arguments:
            require(
                argument.kind is inspect.Parameter.KEYWORD_ONLY,
                f"{self.label} takes {argument.name!r} by position or as a catch-all; put `*` before its settings.",
            )

    def check_rows(self) -> None:
        """Built offline, every split has rows with the columns of `mmzoo.data`, twice the same."""
        from mmzoo.data import load_dataset_component, row_features

        applicable(bool(self.config), "no trial with a config is registered, so it is not built")
        with offline() as tried:
            splits = load_dataset_component(self.name, **self.config)
        registration.refuse_reaching(self.label, tried, "it is built")
        again = load_dataset_component(self.name, **self.config)
        for split, rows in splits.items():
            require(len(rows) > 0, f"{self.label} gives no rows in the split {split}.")
            require(
                set(rows.column_names) == set(row_features()),
                f"{self.label} gives the columns {', '.join(rows.column_names)}; make rows with mmzoo.data.make_row.",
            )
            require(rows[0] == again[split][0], f"{self.label} gives other rows when it is built again; use its seed.")
