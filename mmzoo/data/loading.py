"""Loads a registered dataset by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from mmzoo.errors import DataError, PluginError
from mmzoo.schema import resolve

if TYPE_CHECKING:
    from datasets import DatasetDict


def load_dataset_component(name: str, **config: Any) -> DatasetDict:
    """Build the splits of a registered dataset, or read them from the cache.

    Args:
        name: Name of the dataset.
        config: The builder's keyword arguments, checked against its signature.

    Raises:
        UnknownNameError: No plugin registers this name.
        ConfigError: An argument is unknown, missing or of the wrong type.
        PluginError: The builder is not a function, or its signature is not a schema.
        DataError: The data is unavailable.
    """
    from mmzoo.registry import catalog, load_target

    builder = load_target(catalog().component("dataset", name))
    if not callable(builder):
        raise PluginError(f"Dataset {name} is registered with a target that is not callable; it must be a function.")
    splits = builder(**resolve(builder, config, path="", label=f"dataset {name!r}").arguments)
    if not isinstance(splits, Mapping) or not splits:
        raise DataError(f"Dataset {name} returned {type(splits).__name__} without splits; it must be a DatasetDict.")
    return splits  # type: ignore[return-value]


def load_dataset_for(needs: Callable[[], Collection[str]], name: str, config: Mapping[str, Any]) -> DatasetDict:
    """Build the splits of a registered dataset for a head that needs certain columns.

    A dataset whose function has an argument `needs` gets these columns there, and may leave out expensive ones that are
    not among them.

    Args:
        needs: Gives the columns; called only if the dataset asks.
        name: Name of the dataset.
        config: Its arguments.

    Raises:
        DataError: The data is unavailable.
    """
    from mmzoo.registry import catalog, load_target

    builder = load_target(catalog().component("dataset", name))
    if callable(builder) and "needs" in inspect.signature(builder).parameters and "needs" not in config:
        config = {"needs": sorted(needs()), **config}
    return load_dataset_component(name, **config)
