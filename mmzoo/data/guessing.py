"""Guesses which registered dataset reads a file or folder of the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import DataError, PluginError

if TYPE_CHECKING:
    from mmzoo.registry.specs import DatasetSpec


@dataclass(frozen=True, slots=True)
class DataGuess:
    """A dataset's name and arguments, as in the `data` section of a training recipe."""

    name: str
    config: Mapping[str, Any]


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
