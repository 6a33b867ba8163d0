"""What a model name stands for: the registered model, and where its weights are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmzoo.errors import NoWeightsError, UnknownNameError, UsageError
from mmzoo.hub.sources import (
    WEIGHTS_NAME,
    Source,
    card_license,
    fetch,
    is_source,
    parse_source,
    verify_sha256,
    with_revision,
)

if TYPE_CHECKING:
    from mmzoo.registry.specs import ModelSpec

MODEL_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*:)?[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)?")


@dataclass(frozen=True)
class FoundModel:
    """A model that a name stands for, nothing of it opened yet.

    spec: if it is registered. source: of its weights, None if nothing is published. sha256: of
    `model.safetensors`, if pinned.
    """

    name: str
    spec: ModelSpec | None = None
    source: Source | None = None
    sha256: str | None = None
    license: str | None = None

    @property
    def bare_name(self) -> str:
        """The model's own name, without distribution and tag."""
        return self.spec.name if self.spec else ""

    @property
    def downloaded(self) -> bool:
        """Whether it comes from the Hub, so that its config is a stranger's."""
        return self.source is not None and self.source.scheme == "hf-hub"

    def folder(self, *, weights: bool) -> Path:
        """Its folder on this machine, downloaded if need be. Raises NoWeightsError, HubError, WeightsError."""
        if self.source is None:
            raise NoWeightsError(
                f"The model {self.name!r} has no published weights; pass pretrained=False for fresh parameters."
            )
        return fetch(self.source, self.bare_name or self.name, weights=weights)

    def weights_file(self, pinned: str | None = None) -> Path:
        """Its `model.safetensors`, checked against a sha256 (else the registered one). Raises ChecksumError."""
        path = self.folder(weights=True) / WEIGHTS_NAME
        digest = pinned or self.sha256
        if digest:
            verify_sha256(path, digest)
        return path

    def declared_license(self) -> str | None:
        """The registered licence of the weights, else the one on the card."""
        return self.license or card_license(self.folder(weights=False))


def find_model(name: str, revision: str | None = None, *, local: bool = True) -> FoundModel:
    """What a model name or source stands for. local: whether `local-dir:` may be used here.

    Raises UnknownNameError, AmbiguousNameError, UsageError, PluginError.
    """
    from mmzoo import registry
    from mmzoo.registry.names import split_tag

    if is_source(name):
        return _from_source(name, revision, local)
    if not MODEL_NAME.fullmatch(name):
        raise UnknownNameError(
            f"{name[:80]!r} is no model name; write a name that `mmzoo list` shows, local-dir:path or hf-hub:org/name.",
            name=name,
        )
    spec, (_, tag) = registry.catalog().model(name), split_tag(name)
    if not spec.weights:
        if revision is not None:
            raise UsageError(f"The model {name!r} has no published weights, so it has no revision {revision!r}.")
        return FoundModel(name, spec)
    weights = next(item for item in spec.weights if tag is None or item.tag == tag)
    source = with_revision(parse_source(weights.source), revision)
    # Another revision is another file: the pin is for the registered one.
    pinned = weights.sha256 if source == parse_source(weights.source) else None
    return FoundModel(name, spec, source, pinned, weights.license)


def _from_source(name: str, revision: str | None, local: bool) -> FoundModel:
    source = parse_source(name, revision)
    if source.scheme == "local-dir" and not local:
        raise UsageError(f"{name[:80]!r} may not be named by a downloaded config: it is a folder of this machine.")
    if source.scheme == "bundled":
        raise UsageError(f"{name[:80]!r} is no model name; leave out 'bundled:'.")
    return FoundModel(str(source), source=source)
