"""A model's folder on disk: what its files are called, what its config and its card say, and how they are written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import ConfigError, ConfigTypeError
from mmzoo.registry.names import show
from mmzoo.system import write_whole

if TYPE_CHECKING:
    from mmzoo.interfaces.formats import ForeignFormat

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "README.md"
GOLDEN_NAME = "golden.safetensors"
TRAINING_NAME = "training.json"
EVALUATION_NAME = "evaluation.json"
NAMES = frozenset({CONFIG_NAME, WEIGHTS_NAME, CARD_NAME, GOLDEN_NAME, TRAINING_NAME, EVALUATION_NAME})
"""Files that mmzoo writes itself; a head may not write others of these names."""
FORMAT_VERSION = 1
MAX_CONFIG_BYTES = 1 << 20
OWN_KEYS = frozenset({"format_version", "mmzoo_version", "recipe"})
"""A config with none of these keys was written by another library."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What `config.json` says.

    Args:
        recipe: the head and what fills its slots, with every default filled in.
        name: what the model is called.
        task: such as `text-to-speech`.
        modalities: that it takes or gives.
        mmzoo_version: of the mmzoo that wrote it.
        components: sha256 of the tensors of each slot, where it says so.
        foreign: how the weights are laid out, if another library wrote them.
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
    """The folder of one model. Its config is read when it is first asked for, and only once."""

    path: Path

    @property
    def weights(self) -> Path:
        """The file of the weights, whether or not it is there."""
        return self.path / WEIGHTS_NAME

    def files(self) -> list[str]:
        """Names of all files in the folder and below, sorted, with forward slashes."""
        return sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())

    @cached_property
    def content(self) -> dict[str, Any]:
        """The JSON object in `config.json`, mmzoo's or another library's. Raises ConfigError, ConfigTypeError."""
        path = self.path / CONFIG_NAME
        if not path.is_file():
            raise ConfigError(f"There is no {CONFIG_NAME} in {self.path}; a model folder has one beside its weights.")
        return _parse(path)

    @property
    def is_own(self) -> bool:
        """Whether mmzoo, and no other library, wrote the config. Raises what `content` raises."""
        return bool(OWN_KEYS & self.content.keys())

    @cached_property
    def config(self) -> ModelConfig:
        """What a config that mmzoo wrote says.

        Raises:
            ConfigError: for no file, no JSON, a key that is missing, or a newer format; all errors name the file.
            UnknownKeyError: for a key that nothing reads.
            ConfigTypeError: for a value of the wrong type.
        """
        return _checked(self.content, self.path / CONFIG_NAME)

    def write_config(self, config: ModelConfig) -> bool:
        """Write `config.json`; returns whether that changed the file. Raises OSError."""
        path, text = self.path / CONFIG_NAME, config.to_json()
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        write_whole(path, text)
        self.__dict__.pop("content", None)
        self.__dict__.pop("config", None)
        return True

    def front_matter(self) -> dict[str, Any]:
        """The YAML front matter of the card; empty where there is none or it is malformed."""
        from mmzoo.yaml_text import front_matter  # only here: PyYAML takes as long to import as all of the registry

        card = self.path / CARD_NAME
        return front_matter(card.read_text(encoding="utf-8", errors="replace"))[0] if card.is_file() else {}

    @property
    def license(self) -> str | None:
        """The license that the card states."""
        stated = self.front_matter().get("license")
        return stated if isinstance(stated, str) else None

    @property
    def bases(self) -> tuple[str, ...]:
        """The models that this one was made from, as the card's `base_model` names them."""
        named = self.front_matter().get("base_model")
        return tuple(base for base in (named if isinstance(named, list) else [named]) if isinstance(base, str))


def is_pickle(name: str) -> bool:
    """Whether a file name is that of a pickled checkpoint."""
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
        raise ConfigError(f"{path} has format_version {show(version)}; the only one there is is {FORMAT_VERSION}.")
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
        raise ConfigError(f"{path} is not valid JSON ({reason}); get a sound copy of it.") from error
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
    raise ValueError(f"{text} is no JSON number")
