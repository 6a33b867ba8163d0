"""Loads a registered dataset by name, and checks that its rows are what a model needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mmzoo.errors import DataError, PluginError
from mmzoo.schema import resolve

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load_dataset_component(name: str, **config: Any) -> DatasetDict:
    """The splits of a registered dataset, built or found in the cache.

    Args:
        name: A registered dataset.
        config: The builder's keyword arguments, checked against its signature.

    Raises:
        UnknownNameError: No plugin registers this name.
        ConfigError: An argument is unknown, missing or of the wrong type.
        PluginError: The builder is no function, or takes arguments that no config can give.
        DataError: The data cannot be had.
    """
    from mmzoo.registry import catalog, load_target

    builder = load_target(catalog().component("dataset", name))
    if not callable(builder):
        raise PluginError(f"Dataset {name} is registered with something that cannot be called; it needs a function.")
    splits = builder(**resolve(builder, config, path="", label=f"dataset {name!r}").arguments)
    if not isinstance(splits, Mapping) or not splits:
        raise DataError(f"Dataset {name} returned {type(splits).__name__} without splits; it must be a DatasetDict.")
    return splits  # type: ignore[return-value]


def require_rows(rows: Dataset, columns: Iterable[str] = (), *, what: str = "The dataset") -> Dataset:
    """The rows themselves. Raises DataError if there are none or a column is missing."""
    missing = [column for column in columns if column not in rows.column_names]
    if missing:
        raise DataError(
            f"{what} has no column {', '.join(map(repr, missing))}; its columns are {', '.join(rows.column_names)}."
        )
    if len(rows) == 0:
        raise DataError(f"{what} has no rows.")
    return rows
