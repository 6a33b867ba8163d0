"""What plugins register, as plain data that is imported only when something is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
PINNED = frozenset({WEIGHTS_NAME, CONFIG_NAME})
"""The files of a model on the Hub whose sha256 must be registered."""
PART_KINDS = ("encoder", "quantizer", "fusion", "backbone", "sampler", "critic")
"""The kinds that `create("kind/name")` can build alone."""
KINDS = (*PART_KINDS, "head", "format", "dataset", "metric", "judge", "command")
EXEMPTIBLE = ("export", "compile", "inductor", "bf16", "float16")
"""Checks of the conformance kit from which a component may be exempt; the others are mandatory."""


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One registered component. `mmzoo.hookspecs` documents the fields."""

    kind: str
    name: str
    target: str
    summary: str
    plugin: str
    version: str = ""
    modalities: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    trials: tuple[Mapping[str, Any], ...] = ({},)
    exempt: Mapping[str, str] = field(default_factory=dict)
    detect: Mapping[str, Any] = field(default_factory=dict)
    repos: Mapping[str, str | None] = field(default_factory=dict)

    def detects(self, content: Mapping[str, Any]) -> bool:
        """Whether a format recognizes the content of a config.json."""
        return bool(self.detect) and all(key in content and content[key] == value for key, value in self.detect.items())


@dataclass(frozen=True, slots=True)
class HeadSpec(ComponentSpec):
    """One registered head. `Register.head` documents the additional field."""

    runner: str | None = None

    def runs(self) -> ComponentSpec:
        """A spec with which `load_target` imports `runner`."""
        return ComponentSpec("head", self.name, self.runner or "", self.summary, self.plugin, self.version)


@dataclass(frozen=True, slots=True)
class DatasetSpec(ComponentSpec):
    """One registered dataset. `Register.dataset` documents the additional field."""

    recognizes: str | None = None

    def recognizer(self) -> ComponentSpec:
        """A spec with which `load_target` imports `recognizes`."""
        return ComponentSpec("dataset", self.name, self.recognizes or "", self.summary, self.plugin, self.version)


@dataclass(frozen=True, slots=True)
class JudgeSpec(ComponentSpec):
    """One registered judge. `Register.judge` documents the additional fields."""

    license: str = ""
    source: str = ""
    independence: str = ""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One registered task. `Register.task` documents the fields."""

    kind: ClassVar[str] = "task"
    name: str
    summary: str
    plugin: str
    version: str = ""
    use: str = ""
    pipeline: str | None = None
    headlines: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    tables: str | None = None
    numbers: str | None = None
    aliases: tuple[str, ...] = ()

    def renderer(self, target: str) -> ComponentSpec:
        """A spec with which `load_target` imports `tables` or `numbers`."""
        return ComponentSpec("task", self.name, target, self.summary, self.plugin, self.version)


@dataclass(frozen=True, slots=True)
class CardText:
    """Markdown for a model's card that its files do not contain.

    Args:
        data: Name of the training dataset. A model of the same name that was trained on other data does not get this
            text.
        intended: Intended use.
        training: What the training data are and where they come from.
        limits: Limitations.
        samples: How to read the sample pictures.
        language: Code of the language that it reads or speaks.
    """

    data: str
    intended: str
    training: str
    limits: str
    samples: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """Published weights of a model.

    Weights on the Hub must be pinned by a commit of 40 hexadecimal digits and the sha256 of at least
    `model.safetensors` and `config.json`; `mmzoo push` prints them.

    Args:
        tag: Name of these weights, after the dot in `name.tag`.
        source: `bundled`, `hf-hub:org/name@<commit>` or `local-dir:path`.
        license: License of the weights.
        sha256: Digest of `model.safetensors`.
        files: sha256 of other files by name.
    """

    tag: str
    source: str = "bundled"
    license: str | None = None
    sha256: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def pins(self) -> Mapping[str, str]:
        """sha256 of all pinned files by name."""
        return {**self.files, **({WEIGHTS_NAME: self.sha256} if self.sha256 else {})}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One registered model. `Register.model` documents the fields."""

    kind: ClassVar[str] = "model"
    name: str
    task: str
    recipe: Mapping[str, Any]
    summary: str
    plugin: str
    version: str = ""
    modalities: tuple[str, ...] = ()
    weights: tuple[Weights, ...] = ()
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    card: CardText | None = None
