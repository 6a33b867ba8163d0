"""What plugins register, as plain data: nothing is imported until it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PART_KINDS = ("encoder", "quantizer", "fusion", "backbone", "sampler")
"""What `create("kind/name")` can build by itself."""
KINDS = (*PART_KINDS, "head", "format", "dataset", "metric", "judge", "command")
EXEMPTIBLE = ("export", "compile", "inductor", "bf16", "float16")
"""Checks of the conformance kit that a component may declare it cannot pass; the rest is the contract."""


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One registered part. target: `package.module:Name`, imported when the part is first built.

    The other fields are documented where they are registered, in `mmzoo.hookspecs`.
    """

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
        """Whether a format recognises the content of a config.json."""
        return bool(self.detect) and all(key in content and content[key] == value for key, value in self.detect.items())


@dataclass(frozen=True, slots=True)
class JudgeSpec(ComponentSpec):
    """One registered judge: code or a model that reads or hears what other models make.

    license: of the judge itself. source: where it comes from. independence: what it had no part in training of.
    tasks: the tasks whose models it can judge.
    """

    license: str = ""
    source: str = ""
    independence: str = ""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One registered task: what is said and shown of its models, as `Register.task` documents it."""

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
        """What `load_target` takes to import `tables` or `numbers`."""
        return ComponentSpec("task", self.name, target, self.summary, self.plugin, self.version)


@dataclass(frozen=True, slots=True)
class CardText:
    """What the card of one model says beside what its files hold, in Markdown.

    Args:
        data: Name of the dataset that taught the model. A model of the same name that learned from other data does not
            get this text.
        intended: What the model is for.
        training: What its training data are and where they come from.
        limits: What it cannot do.
        samples: How to read the pictures of samples.
        language: Language code of what it reads or says.
    """

    data: str
    intended: str
    training: str
    limits: str
    samples: str = ""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """Published weights of a model. source: `bundled`, `hf-hub:org/name@<commit>` or `local-dir:path`.

    sha256: of `model.safetensors`. files: sha256 by name of other files. Weights on the Hub must be pinned by both, a
    commit of 40 hexadecimal digits and the sha256 of at least `model.safetensors` and `config.json`; `mmzoo push`
    prints them.
    """

    tag: str
    source: str = "bundled"
    license: str | None = None
    sha256: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def pins(self) -> Mapping[str, str]:
        """sha256 by file name, of all files that are pinned."""
        return {**self.files, **({"model.safetensors": self.sha256} if self.sha256 else {})}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One registered model. recipe: slot name to component name or mapping; see docs/architecture.md."""

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
