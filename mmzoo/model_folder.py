"""A model's folder on disk: the names of its files, and reading and writing its config, card and records."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import ConfigError, ConfigTypeError, CorruptFileError
from mmzoo.registry.names import show
from mmzoo.registry.specs import CONFIG_NAME as CONFIG_NAME
from mmzoo.registry.specs import WEIGHTS_NAME as WEIGHTS_NAME
from mmzoo.system import write_whole

if TYPE_CHECKING:
    from mmzoo.interfaces.formats import ForeignFormat

CARD_NAME = "README.md"
GOLDEN_NAME = "golden.safetensors"
TRAINING_NAME = "training.json"
EVALUATION_NAME = "evaluation.json"
EXPORT_NAME = "export.json"
"""The manifest of a model that was exported for another engine."""
RECORDS = frozenset({CARD_NAME, GOLDEN_NAME, TRAINING_NAME, EVALUATION_NAME})
"""Files about a model, which are not needed to build it."""
NAMES = frozenset({CONFIG_NAME, WEIGHTS_NAME, EXPORT_NAME, *RECORDS})
"""Files that mmzoo writes itself; a head may not write files with these names."""
FORMAT_VERSION = 1
MAX_CONFIG_BYTES = 1 << 20
OWN_KEYS = frozenset({"format_version", "mmzoo_version", "recipe"})
"""A config with none of these keys was written by another library."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The content of `config.json`.

    Args:
        recipe: The head and the entries of its slots, with every default filled in.
        name: The model's name.
        task: Such as `text-to-speech`.
        modalities: Those that the model takes or gives.
        mmzoo_version: The version of mmzoo that wrote it.
        format_version: The version of the file format.
        components: sha256 of the tensors of each slot, if recorded.
        foreign: The format of the weights, if another library wrote them.
    """

    recipe: Mapping[str, Any]
    name: str = ""
    task: str = ""
    modalities: tuple[str, ...] = ()
    mmzoo_version: str = ""
    format_version: int = FORMAT_VERSION
    components: Mapping[str, str] = field(default_factory=dict)
    foreign: ForeignFormat | None = None

    def to_json(self) -> str:
        """The file's text."""
        content: dict[str, Any] = {
            "format_version": self.format_version,
            "mmzoo_version": self.mmzoo_version,
            "name": self.name,
            "task": self.task,
            "modalities": list(self.modalities),
            "recipe": self.recipe,
        }
        if self.components:
            content["components"] = self.components
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


@dataclass(frozen=True)
class ModelFolder:
    """The folder of one model. Its config is read once, on first access."""

    path: Path

    @property
    def weights(self) -> Path:
        """The path of the weights file, whether or not it exists."""
        return self.path / WEIGHTS_NAME

    def files(self) -> list[str]:
        """Names of all files in the folder and below, sorted, with forward slashes."""
        return sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())

    @cached_property
    def content(self) -> dict[str, Any]:
        """The JSON object in `config.json`, whichever library wrote it. Raises ConfigError, ConfigTypeError."""
        path = self.path / CONFIG_NAME
        if (self.path / EXPORT_NAME).is_file():
            raise ConfigError(f"{self.path} holds an exported model, which can only be run; use the original model.")
        if not path.is_file():
            raise ConfigError(f"There is no {CONFIG_NAME} in {self.path}; a model folder has one beside its weights.")
        return _parse(path)

    @property
    def is_own(self) -> bool:
        """Whether mmzoo rather than another library wrote the config. Raises what `content` raises."""
        return bool(OWN_KEYS & self.content.keys())

    @cached_property
    def config(self) -> ModelConfig:
        """A config that mmzoo wrote, checked.

        Raises:
            ConfigError: The file is missing or not JSON, lacks a key, or has a newer format. All errors name the file.
            UnknownKeyError: A key is unknown.
            ConfigTypeError: A value has the wrong type.
        """
        return _checked(self.content, self.path / CONFIG_NAME)

    def write_config(self, config: ModelConfig) -> bool:
        """Write `config.json`; returns whether the file changed. Raises OSError."""
        path, text = self.path / CONFIG_NAME, config.to_json()
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        write_whole(path, text)
        self.__dict__.pop("content", None)
        self.__dict__.pop("config", None)
        return True

    def front_matter(self) -> dict[str, Any]:
        """The YAML front matter of the card; empty if it is missing or malformed."""
        from mmzoo.yaml_text import front_matter  # imported late: PyYAML takes as long to import as the entire registry

        card = self.path / CARD_NAME
        return front_matter(card.read_text(encoding="utf-8", errors="replace"))[0] if card.is_file() else {}

    @property
    def license(self) -> str | None:
        """The license that the card states, if any."""
        stated = self.front_matter().get("license")
        return stated if isinstance(stated, str) else None

    @property
    def bases(self) -> tuple[str, ...]:
        """The models that this one is based on, as named by `base_model` on the card."""
        named = self.front_matter().get("base_model")
        return tuple(base for base in (named if isinstance(named, list) else [named]) if isinstance(base, str))


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file of a model repo; None if there is no file. Raises CorruptFileError."""
    if not path.is_file():
        return None
    try:
        record: Any = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path} is not valid JSON ({error}); get another copy of it.") from error
    if not isinstance(record, dict):
        raise CorruptFileError(f"{path} does not hold a JSON object; get another copy of it.")
    return record


def is_pickle(name: str) -> bool:
    """Whether a file name has the ending of a pickled checkpoint."""
    return name.lower().endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"))


# --- config.json -------------------------------------------------------------------------------------


def _keys(
    *,
    format_version: int,
    recipe: dict[str, Any],
    name: str = "",
    task: str = "",
    modalities: tuple[str, ...] = (),
    mmzoo_version: str = "",
    components: dict[str, str] = {},  # noqa: B006
) -> None:
    """The keys of `config.json`, as a signature to check it against."""


def _checked(content: Mapping[str, Any], path: Path) -> ModelConfig:
    from mmzoo.schema import resolve  # imports pydantic

    version = content.get("format_version")
    if type(version) is int and version > FORMAT_VERSION:
        raise ConfigError(
            f"{path} has format_version {show(version)}, but this mmzoo reads up to {FORMAT_VERSION}; upgrade mmzoo.",
            path="format_version",
        )
    config = ModelConfig(**resolve(_keys, content, path="", label=str(path)).arguments)
    if config.format_version != FORMAT_VERSION:
        raise ConfigError(f"{path} has format_version {show(version)}, but the only valid one is {FORMAT_VERSION}.")
    return config


def _parse(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes; it is not the config of a model.")
    try:
        content = json.loads(
            path.read_bytes().decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_finite,
            parse_constant=_refuse,
        )
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}; check its permissions.") from error
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ConfigError(f"{path} is not valid JSON ({reason}); get another copy of it.") from error
    if not isinstance(content, dict):
        raise ConfigTypeError(f"{path} must hold a JSON object, not {show(content)}.")
    return content


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return content


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is out of range")
    return value


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")
