"""Building a registered dataset by its name, and checking that rows are what a model needs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mmzoo.errors import ConfigTypeError, DataError, PluginError, UnknownKeyError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load_dataset_component(name: str, **config: Any) -> DatasetDict:
    """The splits of a registered dataset, built or found in the cache.

    config: the builder's own keyword arguments. Raises UnknownNameError for a name nobody registered,
    UnknownKeyError and ConfigTypeError for arguments that do not fit, DataError when the data cannot be had.
    """
    from mmzoo.registry import catalog, load_target

    builder = load_target(catalog().component("dataset", name))
    if not callable(builder):
        raise PluginError(f"Dataset {name} is registered with something that cannot be called; it needs a function.")
    _check_arguments(name, builder, config)
    splits = builder(**config)
    if not isinstance(splits, Mapping) or not splits:
        raise DataError(f"Dataset {name} returned {type(splits).__name__} without splits; it must be a DatasetDict.")
    return splits  # type: ignore[return-value]


def _check_arguments(name: str, builder: Any, config: Mapping[str, Any]) -> None:
    parameters = inspect.signature(builder).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    from mmzoo.registry.names import did_you_mean, suggestions

    for key in config:
        if key not in parameters:
            found = suggestions(key, parameters)
            known = did_you_mean(found) if found else f"it takes {', '.join(parameters) or 'nothing'}."
            raise UnknownKeyError(f"Dataset {name} has no argument {key!r}; {known}", path=key)
    for key, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and key not in config:
            raise ConfigTypeError(f"Dataset {name} needs the argument {key!r}; give it.", path=key)


def require_rows(rows: Dataset, columns: Iterable[str] = (), *, what: str = "The dataset") -> Dataset:
    """The rows themselves, if there are any and they have these columns; DataError says what is missing and found."""
    missing = [column for column in columns if column not in rows.column_names]
    if missing:
        raise DataError(
            f"{what} has no column {', '.join(map(repr, missing))}; its columns are {', '.join(rows.column_names)}."
        )
    if len(rows) == 0:
        raise DataError(f"{what} has no rows.")
    return rows
