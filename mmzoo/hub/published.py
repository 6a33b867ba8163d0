"""From a model's name to its registration and the source of its weights."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmzoo import registry
from mmzoo.errors import MmzooError, NoWeightsError, UnknownNameError, UsageError
from mmzoo.hub.sources import (
    Source,
    fetch,
    is_repo,
    is_source,
    local_folder,
    parse_source,
    verify_sha256,
    with_revision,
)
from mmzoo.model_folder import CONFIG_NAME, EXPORT_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.registry.names import split_tag
from mmzoo.registry.specs import ModelSpec

MODEL_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*:)?[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9][A-Za-z0-9_-]*)?")


@dataclass(frozen=True)
class FoundModel:
    """The model that a name stands for, before any of its files is opened.

    Args:
        name: The name as given.
        spec: Its registration; None for a source.
        source: The source of its weights; None if none are published.
        pins: Registered sha256 by file name.
        license: Registered license of the weights.
    """

    name: str
    spec: ModelSpec | None = None
    source: Source | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    license: str | None = None

    @property
    def bare_name(self) -> str:
        """The registered name, without distribution and tag; empty for a source."""
        return self.spec.name if self.spec else ""

    @property
    def sha256(self) -> str | None:
        """Pinned sha256 of the weights file, if any."""
        return self.pins.get(WEIGHTS_NAME)

    @property
    def downloaded(self) -> bool:
        """Whether it comes from the Hub, so that its config is not trusted."""
        return self.source is not None and self.source.scheme == "hf-hub"

    @property
    def weights_source(self) -> Source:
        """The source of its weights. Raises NoWeightsError if none are published."""
        if self.source is None:
            raise NoWeightsError(
                f"The model {self.name!r} has no published weights; train it and use the folder of the result, or pass"
                " pretrained=False for fresh parameters."
            )
        return self.source

    @property
    def exact_name(self) -> str:
        """A name for exactly these files, even after a branch on the Hub has moved."""
        return self.name if self.weights_source.scheme == "bundled" else str(self.source)

    def at_commit(self) -> FoundModel:
        """The same model at the commit that its revision on the Hub points to now.

        Config, weights and card then come from one commit. Raises NoWeightsError, HubError.
        """
        source = self.weights_source
        if not self.downloaded:
            return self
        from mmzoo.hub.huggingface import resolve_revision

        return replace(self, source=replace(source, revision=resolve_revision(source.place, source.revision)))

    def folder(self, what: str = "texts") -> ModelFolder:
        """Its folder on this machine, downloaded if needed.

        Args:
            what: `texts`, `weights`, `proof` or `all`, as for `huggingface.download`.

        Raises:
            NoWeightsError, HubError, WeightsError: The folder is not available.
            ChecksumError: A file other than the weights differs from its pin.
        """
        folder = fetch(self.weights_source, self.bare_name or self.name, what=what)
        for name, digest in self.pins.items():
            if name != WEIGHTS_NAME and (folder / name).is_file():
                verify_sha256(folder / name, digest, self.remedy)
        return ModelFolder(folder)

    def weights_file(self, pinned: str | None = None) -> Path:
        """Its weights file, checked against the given sha256, else the registered one. Raises ChecksumError."""
        path = self.folder("weights").weights
        digest = pinned or self.sha256
        if digest:
            verify_sha256(path, digest, self.remedy)
        return path

    def part_file(self, part: str, digest: str | None) -> Path:
        """A safetensors file with at least the tensors of one component.

        Args:
            part: The component's slot.
            digest: The component's digest in the config. If given, only the component's bytes are fetched from the Hub,
                unless the complete file is in the cache.

        Raises:
            ChecksumError, HubError: The tensors are not available.
        """
        if digest is None or not self.downloaded:
            return self.weights_file()
        from mmzoo.hub.huggingface import snapshot_folder
        from mmzoo.hub.ranges import fetch_part

        repo, commit = self.weights_source.place, str(self.weights_source.revision)
        if (snapshot_folder(repo, commit) / WEIGHTS_NAME).is_file():
            return self.weights_file()
        return fetch_part(repo, commit, part, digest)

    @property
    def remedy(self) -> str:
        """What to do about a file that differs from its pin, for messages."""
        if self.downloaded:
            return f"`mmzoo pull {self.name}` fetches it again"
        return "get the file that belongs to it"


def model_name(given: str | os.PathLike[str]) -> str:
    """What a model is looked up by: the given name, or `local-dir:` with the full path for a model's folder.

    Everything that takes the name of a model also takes the path of a folder with a `config.json`, or of an exported
    model, and this decides which of the two a text is: registered names and `kind/name` of a known kind come first. A
    `Path` is always a folder. Raises UnknownNameError for a run folder, whose model is in a folder below.
    """
    from mmzoo.registry.specs import KINDS

    if isinstance(given, os.PathLike):
        return f"local-dir:{local_folder(os.fspath(given)).resolve()}"
    kind, slash, _ = given.partition("/")
    if is_source(given) or not _has_config(given):
        if slash and kind not in KINDS and _has_config(below := f"{given.rstrip('/')}/model"):
            raise UnknownNameError(f"{given!r} has no {CONFIG_NAME}; its model is the folder {below}.", name=given)
        return given
    registered = kind in KINDS if slash else _is_registered(given)
    return given if registered else f"local-dir:{local_folder(given).resolve()}"


def _is_registered(name: str) -> bool:
    """Whether this is the name of a model or component, even of one whose plugin is broken or not installed."""
    known = registry.catalog()
    try:
        known.model(name)
    except UnknownNameError:
        return any(name in (spec.name, *spec.aliases) for spec in known.components())
    except MmzooError:
        return True
    return True


def _has_config(path: str) -> bool:
    try:
        folder = local_folder(path)
        return bool(path.strip()) and any((folder / name).is_file() for name in (CONFIG_NAME, EXPORT_NAME))
    except (OSError, ValueError, UsageError):  # too long, with NUL, or of an unknown user
        return False


def find_model(name: str | os.PathLike[str], revision: str | None = None, *, local: bool = True) -> FoundModel:
    """Look up a model name or source. Nothing is read or fetched.

    Args:
        name: A registered name, a path, `local-dir:path` or `hf-hub:org/name@revision`.
        revision: The revision of a model on the Hub.
        local: Whether a folder on this machine is allowed.

    Returns:
        The model.

    Raises:
        UnknownNameError, AmbiguousNameError, UsageError, PluginError: The name does not identify a model.
    """
    name = model_name(name) if local else str(name)
    if is_source(name):
        return _from_source(name, revision, local)
    if not MODEL_NAME.fullmatch(name):
        advice = f"write hf-hub:{name}, or" if is_repo(name) else "write"
        raise UnknownNameError(
            f"{name[:80]!r} is neither a model name nor a folder with a {CONFIG_NAME}; {advice} a name that"
            " `mmzoo list` shows, the path of a model's folder, or hf-hub:org/name.",
            name=name,
        )
    spec, (_, tag) = registry.catalog().model(name), split_tag(name)
    if not spec.weights:
        if revision is not None:
            raise UsageError(f"The model {name!r} has no published weights, so it has no revision {revision!r}.")
        return FoundModel(name, spec)
    weights = next(item for item in spec.weights if tag is None or item.tag == tag)
    source = with_revision(parse_source(weights.source), revision)
    # The pins hold for the registered revision only.
    pins = weights.pins if source == parse_source(weights.source) else {}
    return FoundModel(name, spec, source, pins, weights.license)


def registration_of(name: str) -> ModelSpec | None:
    """The registration of a model, if exactly one plugin registers the name."""
    try:
        return registry.catalog().model(name)
    except MmzooError:
        return None


def _from_source(name: str, revision: str | None, local: bool) -> FoundModel:
    source = parse_source(name, revision)
    if source.scheme == "local-dir" and not local:
        raise UsageError(f"A downloaded config may not name the local folder {name[:80]!r}; use a model on the Hub.")
    if source.scheme == "bundled":
        raise UsageError(f"{name[:80]!r} is not a model name; leave out 'bundled:'.")
    return FoundModel(str(source), source=source)
