"""The held-out rows that a model is evaluated on: those of its training data, or of data that are named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import DataGuess, load_dataset_for
from mmzoo.data.guessing import named
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.model_folder import TRAINING_NAME, read_record
from mmzoo.registry import catalog, load_target
from mmzoo.schema import arguments_of
from mmzoo.yaml_text import read_yaml

if TYPE_CHECKING:
    from datasets import Dataset

SPEECH = ("audio", "text")
"""Columns of spoken rows."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Datasets with held-out splits.

    Attributes:
        sources: The name and arguments of each dataset.
        splits: The splits of each.
        validation: The split that stands in for a missing `test`, if any.
    """

    sources: tuple[DataGuess, ...]
    splits: tuple[Mapping[str, Dataset], ...]
    validation: str | None = None

    @property
    def title(self) -> str:
        """What reports call the data."""
        return " and ".join(dict.fromkeys(source.title or source.name for source in self.sources))

    def rows(self, split: str) -> list[Dataset]:
        """The rows of a split, from each dataset that has it."""
        return [splits[split] for splits in self.splits if len(splits.get(split, ()))]

    def test_rows(self) -> list[Dataset]:
        """The rows of `test`, or of the split that the model was validated on.

        Raises:
            DataError: There are none.
        """
        rows = self.rows("test") or (self.rows(self.validation) if self.validation else [])
        if not rows:
            raise DataError(
                f"{self.title} has no held-out rows, which should be in a split named test; name other data with"
                " --data."
            )
        return rows


def held_out(model: Any, given: Sequence[str] = (), needed: Sequence[str] = SPEECH, **sizes: int) -> HeldOut:
    """The data to evaluate a model on.

    Args:
        model: A model; by default its training record names the data.
        given: Datasets to use instead, each as the option `--data` takes it: a name, `name:value` or a path, perhaps
            with arguments, as in `natural-speech,voice=piper:joe`.
        needed: The columns that are read.
        sizes: Sizes of other splits, which need not be built in full, for datasets that have such arguments; or whether
            to build held-out rows only (`heldout_only=True`).

    Raises:
        InputError: Nothing is given, and the model has no training record.
        ConfigError: An argument is wrong.
        DataError: The data are unavailable.
    """
    validation = None
    if given:
        sources = [_written(text) for text in given]
    else:
        section = training_data(model)
        if "name" not in section:
            raise InputError(
                f"{model.name} has no training record that names its data; name data with held-out rows, as in"
                " `mmzoo evaluate MODEL --data DATASET`."
            )
        sources = [DataGuess(section["name"], section.get("config") or {}, section.get("title") or section["name"])]
        validation = section.get("validation_split")
    return HeldOut(tuple(sources), tuple(_splits(source, needed, sizes) for source in sources), validation)


def training_data(model: Any) -> Mapping[str, Any]:
    """The `data` section of the recipe that a model was trained with; empty without a training record."""
    folder = getattr(model, "folder", None)
    record = None if folder is None else read_record(Path(folder) / TRAINING_NAME)
    section = ((record or {}).get("recipe") or {}).get("data")
    return section if isinstance(section, Mapping) else {}


def teacher_of(model: Any, voice: str) -> str | None:
    """The synthesizer's voice that a model's voice was trained on, such as `acme:heart` for `heart`.

    It is what the arguments of the training dataset write as `SYNTHESIZER:VOICE`, where a path stands for the name of
    its file.
    """
    for value in _strings(training_data(model).get("config") or {}):
        _, colon, name = value.partition(":")
        if colon and voice in (name, Path(name).stem):
            return value
    return None


def mentions(model: Any, name: str) -> bool:
    """Whether the training data of a model are this dataset, or have an argument that contains this name."""
    return name in json.dumps(dict(training_data(model)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in (*value, *value.values()) if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _splits(source: DataGuess, needed: Sequence[str], sizes: Mapping[str, int]) -> Mapping[str, Dataset]:
    """The splits of a dataset, some of them smaller.

    A size replaces a whole number, or each number of a mapping, in the dataset's arguments or their defaults; one that
    is left to the dataset (None) is set if the dataset then accepts its arguments.
    """
    builder: Any = load_target(catalog().component("dataset", source.name))
    values = {key: field.default for key, field in arguments_of(builder).items()} | dict(source.config)
    smaller: dict[str, Any] = {}
    for key, size in sizes.items():
        value = values.get(key)
        if isinstance(value, Mapping) and all(isinstance(count, int) for count in value.values()):
            smaller[key] = dict.fromkeys(value, size)
        elif isinstance(value, int):
            smaller[key] = size
    wanted = {**source.config, **smaller}
    for key, size in sizes.items():
        if key in values and values[key] is None:
            with contextlib.suppress(ConfigError):
                return _loaded(source.name, needed, {**wanted, key: size})
    return _loaded(source.name, needed, wanted)


def _loaded(name: str, needed: Sequence[str], arguments: Mapping[str, Any]) -> Mapping[str, Dataset]:
    splits: Mapping[str, Dataset] = load_dataset_for(lambda: needed, name, arguments)
    return splits


def _written(text: str) -> DataGuess:
    """A dataset as `--data` names it, with its arguments behind commas."""
    name, *settings = [text] if Path(text).expanduser().exists() else text.split(",")
    config: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{setting[:80]!r} in --data {text[:80]!r} is not of the form key=value.", path="data")
        try:
            config[key.strip()] = read_yaml(value)
        except ValueError as error:
            raise ConfigError(f"{setting[:80]!r} in --data is not valid YAML: {error}.", path=f"data.{key}") from error
    found = named(name)
    return DataGuess(found.name, {**found.config, **config}, found.title)
