"""Guesses which registered dataset reads a file or folder of the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import ConfigError, DataError, MissingPluginError, PluginError, UnknownNameError
from mmzoo.schema import arguments_of

if TYPE_CHECKING:
    from mmzoo.registry.specs import DatasetSpec


@dataclass(frozen=True, slots=True)
class DataGuess:
    """A dataset's name and arguments, as in the `data` section of a training recipe, and what to call it."""

    name: str
    config: Mapping[str, Any]
    title: str = ""


def named(data: str) -> DataGuess:
    """The dataset that the option `--data` names.

    Args:
        data: A file or folder, the name of a registered dataset, or `name:value` for one that requires one argument,
            such as `hub:org/name`.

    Raises:
        ConfigError: `name:value` is written for a dataset that requires another number of arguments.
        DataError: There is nothing at the path, or no dataset recognizes it, or several do.
    """
    name, colon, value = data.partition(":")
    if colon and _is_dataset(name):
        return DataGuess(name, {_only_argument(name): value}, value)
    if _is_dataset(data):
        return DataGuess(data, {}, data)
    guessed = guess(data)
    return DataGuess(guessed.name, guessed.config, Path(data).expanduser().resolve().name)


def required_arguments(name: str) -> list[str]:
    """The arguments that a registered dataset requires."""
    from mmzoo.registry import catalog, load_target

    builder: Any = load_target(catalog().component("dataset", name))
    return [key for key, field in arguments_of(builder).items() if field.is_required()]


def guess(path: str | PathLike[str]) -> DataGuess:
    """The registered dataset that reads a file or folder.

    Each dataset that was registered with `recognizes` is asked. One from another plugin goes before mmzoo's own, which
    are general.

    Args:
        path: A file or folder.

    Raises:
        DataError: There is nothing at the path, no dataset recognizes it, or several do.
    """
    from mmzoo.registry import catalog, firstparty
    from mmzoo.registry.specs import DatasetSpec

    source = Path(path).expanduser()
    if not _exists(path, source):
        raise DataError(_not_there(str(path), source))
    if source.is_dir() and not any(source.iterdir()):
        raise DataError(f"The folder {source} is empty.")
    specs = [spec for spec in catalog().components("dataset") if isinstance(spec, DatasetSpec) and spec.recognizes]
    asked = [(spec, config) for spec in specs if (config := _asked(spec, source.resolve())) is not None]
    others = [pair for pair in asked if firstparty.SUPPLIER.get(f"dataset/{pair[0].name}") != pair[0].plugin]
    found = others or asked
    if not found:
        known = ", ".join(spec.name for spec in specs) or "none is installed; run: pip install mmzoo-datasets"
        what = "; give the folder that it is in, or" if source.is_file() else ";"
        raise DataError(
            f"No dataset recognizes {source}{what} name one with its arguments, as in `--data NAME data.config.KEY="
            f"VALUE`. Datasets that recognize files and folders: {known}."
        )
    if len(found) > 1:
        names = " and ".join(catalog().written(spec) for spec, _ in found)
        raise DataError(f"Several datasets recognize {source}: {names}; choose one with data.name=NAME.")
    spec, config = found[0]
    return DataGuess(catalog().written(spec), config)


def _is_dataset(name: str) -> bool:
    from mmzoo.registry import catalog

    try:
        catalog().component("dataset", name)
    except UnknownNameError:
        return False
    except MissingPluginError:
        if ":" in name:  # a path with a colon, not a name with its plugin
            return False
        raise
    return True


def _only_argument(name: str) -> str:
    """The argument of a dataset that `name:value` gives. Raises ConfigError unless it requires exactly one."""
    required = required_arguments(name)
    if len(required) != 1:
        raise ConfigError(
            f"{name}:VALUE is for datasets that require one argument, and {name} requires"
            f" {', '.join(required) or 'none'}; write --data {name} and data.config.KEY=VALUE.",
            path="data",
        )
    return required[0]


def _exists(given: str | PathLike[str], source: Path) -> bool:
    try:
        return bool(str(given).strip()) and source.exists()
    except (OSError, ValueError):  # too long, or with NUL
        return False


def _not_there(given: str, source: Path) -> str:
    """The message for a path that does not exist, with what may have been meant."""
    from mmzoo.registry import catalog
    from mmzoo.registry.names import did_you_mean, suggestions

    near: list[str] = []
    if given.strip() and _exists(given, source.parent) and source.parent.is_dir():
        beside = suggestions(source.name, (entry.name for entry in source.parent.iterdir()))
        near = [str(source.parent / name) for name in beside]
    if given == source.name:
        near += suggestions(given, (spec.name for spec in catalog().components("dataset")))
    hint = did_you_mean(near[:3])
    if not hint and re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", given):
        hint = f"for a dataset of the Hub, write hub:{given}."
    where = "" if source.is_absolute() else f" in {Path.cwd()}"
    return f"There is no file or folder {given[:200]!r}{where}; {hint or 'check the path.'}"


def _asked(spec: DatasetSpec, source: Path) -> Mapping[str, Any] | None:
    from mmzoo.registry import load_target

    recognizes = load_target(spec.recognizer())
    config = recognizes(source) if callable(recognizes) else False
    if config is not None and not isinstance(config, Mapping):
        raise PluginError(
            f"Dataset {spec.name} is registered with recognizes={spec.recognizes}, which must be a function that"
            " returns the dataset's arguments or None.",
            plugin=spec.plugin,
        )
    return config
