"""What plugins register, as plain data: nothing is imported until it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PART_KINDS = ("encoder", "quantizer", "fusion", "backbone", "sampler")
"""What `create("kind/name")` can build by itself."""
KINDS = (*PART_KINDS, "head", "format", "dataset", "metric", "command")
EXEMPTIBLE = ("export", "compile", "inductor", "bf16", "float16")
"""Checks of the conformance kit that a component may declare it cannot pass; the rest is the contract."""


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One registered part. target: `package.module:Name`, imported when the part is first built.

    requires: distributions the part needs beyond its plugin's own dependencies. trials: small configs under which the
    conformance kit tries the part; `slots` in one of a head is the rest of a recipe, and `rows` what it is trained on:
    true (the default) for made-up rows with every column, false for nothing, or a list of rows. exempt: checks of the
    kit that the part cannot pass, of EXEMPTIBLE, each with the reason, which the results show. detect: of a format, the
    entries of a config.json by which it is recognised. repos: of a format, models on the Hub that are laid out so, each
    with the licence that is stated for it, or None.
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
    metadata: Mapping[str, Any] = field(default_factory=dict)
