"""`config.json` of a model repo."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mmzoo import schema
from mmzoo.errors import ConfigError, ConfigTypeError

if TYPE_CHECKING:
    from mmzoo.composition.load import TensorFile
    from mmzoo.interfaces.formats import ForeignFormat

FORMAT_VERSION = 1
MAX_BYTES = 1 << 20
FILE_NAME = "config.json"
OWN_KEYS = frozenset({"format_version", "mmzoo_version", "recipe"})


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What `config.json` says. recipe: fully resolved. components: sha256 of each slot's tensors, where it says so.

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

    def tensors(self, file: TensorFile) -> TensorFile:
        """An opened weights file by the names that the model has."""
        from mmzoo.composition.foreign import ForeignTensors

        return file if self.foreign is None else ForeignTensors(file, self.foreign)

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


class _File(schema.Keys):
    """The keys of `config.json`; they are the fields of `ModelConfig`."""

    format_version: int
    mmzoo_version: str = ""
    name: str = ""
    task: str = ""
    modalities: tuple[str, ...] = ()
    recipe: dict[str, Any]
    components: dict[str, str] = Field(default_factory=dict)


def read_config(folder: Path) -> ModelConfig:
    """Read `config.json` of a model folder, mmzoo's or one that a registered format knows; nothing in it is imported.

    Raises ConfigError (no file, no JSON, newer format), UnknownKeyError, ConfigTypeError; all name the file.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise ConfigError(f"There is no {FILE_NAME} in {folder}; a model folder has one beside its weights.")
    content = _parse(path)
    if not OWN_KEYS & content.keys():
        return _foreign(path, content)
    version = content.get("format_version")
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSION:
        raise ConfigError(
            f"{path} has format_version {schema.show(version)}, but this mmzoo reads up to {FORMAT_VERSION};"
            " upgrade mmzoo.",
            path="format_version",
        )
    values = schema.check(_File, content, path="", label=str(path)).model_dump()
    if values["format_version"] != FORMAT_VERSION:
        raise ConfigError(f"{path} has format_version {version}; the only one there is is {FORMAT_VERSION}.")
    return ModelConfig(**values)


def _foreign(path: Path, content: Mapping[str, Any]) -> ModelConfig:
    from mmzoo.composition.foreign import recognised

    found = recognised(content, path)
    if found is None:
        raise ConfigError(
            f"{path} lacks the key format_version; it is not the config of an mmzoo model, and of no format that an"
            " installed plugin reads (`mmzoo list --kind format`).",
            path="format_version",
        )
    return ModelConfig(found.recipe(), "", found.task, found.modalities, foreign=found)


def _parse(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes; it is not the config of a model.")
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
        raise ConfigTypeError(f"{path} must hold a JSON object, not {schema.show(content)}.")
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
