"""`mmzoo.lock`: the exact files and plugins of some models, and a check that a machine has them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import mmzoo
from mmzoo import registry
from mmzoo.errors import ConfigError, MmzooError, UsageError
from mmzoo.hub.huggingface import COMMIT, PATTERNS
from mmzoo.hub.published import MODEL_NAME, FoundModel, find_model
from mmzoo.hub.sources import bundled_folder, fetch, is_source, parse_source
from mmzoo.hub.tree import ModelRef, ResolvedModel
from mmzoo.model_folder import ModelFolder
from mmzoo.system import sha256_of, write_whole

FILE = "mmzoo.lock"
VERSION = 1


@dataclass(frozen=True)
class Differences:
    """Differences between a machine and a lock, one line each.

    Args:
        files: About the files of models.
        versions: About plugins, and about what names stand for.
    """

    files: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


def lock(trees: Iterable[ResolvedModel], path: Path) -> dict[str, Any]:
    """Write source, license, file digests and recipe hash of these models and of the models in their slots.

    Fetches files that are not on this machine.

    Args:
        trees: The resolved models.
        path: The lock file.

    Returns:
        The content of the lock file.

    Raises:
        UsageError: A model is a local folder.
        HubError, WeightsError: A file cannot be fetched.
    """
    models: dict[str, Any] = {}
    plugins = {"mmzoo": mmzoo.__version__}
    trees = list(trees)
    for node in (*trees, *(node for tree in trees for node in tree.walk())):
        if node.name not in models:
            models[node.name], supplying = _locked(node)
            plugins |= supplying
    content = {"lock_version": VERSION, "plugins": dict(sorted(plugins.items())), "models": models}
    write_whole(path, json.dumps(content, indent=2) + "\n")
    return content


def _locked(node: ResolvedModel | ModelRef) -> tuple[dict[str, Any], dict[str, str]]:
    """The entry of one model in a lock, and the versions of the plugins that it needs."""
    if isinstance(node, ModelRef):
        raise UsageError(f"{node.name!r} is nested in model slots too deep; does a model contain itself?")
    source = node.found.weights_source
    if source.scheme == "local-dir":
        raise UsageError(f"{node.name!r} is a local folder and cannot be locked; publish it with `mmzoo push`.")
    node.found.weights_file(node.ref.sha256)
    folder = node.found.folder("proof")
    entry = {
        "source": str(source),
        "license": node.license,
        "recipe": recipe_hash(folder),
        "files": {file: sha256_of(folder.path / file) for file in _locked_files(folder)},
    }
    return entry, _plugins(folder, node.found)


def sync(path: Path) -> Differences:
    """Fetch the locked commits and compare all locked files, the plugins, and the sources that names stand for.

    Args:
        path: The lock file.

    Returns:
        What differs on this machine.

    Raises:
        ConfigError: The file is not a lock.
        HubError: A file cannot be fetched.
    """
    content = read_lock(path)
    differences = Differences()
    for name, locked in content["models"].items():
        differences.files.extend(_differing(name, locked))
        now = locked["source"] if is_source(name) else _source_now(name)
        if now != locked["source"]:
            differences.versions.append(f"{name} is {now} here, but {locked['source']} in {path.name}")
    for plugin, version in content["plugins"].items():
        here = _installed(plugin)
        if here != version:
            state = here or "missing or disabled"
            differences.versions.append(f"{plugin} is {state} here, but {version} in {path.name}")
    return differences


PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def read_lock(path: Path) -> dict[str, Any]:
    """The content of a lock file, checked. Raises ConfigError."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read; `mmzoo lock MODEL...` writes it.") from error
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ConfigError(f"{path} is not valid JSON ({reason}); `mmzoo lock MODEL...` rewrites it.") from error
    if not isinstance(content, dict) or content.get("lock_version") != VERSION:
        raise ConfigError(f"{path} is not a lock file of version {VERSION}; `mmzoo lock MODEL...` writes one.")
    models = content.get("models")
    valid = isinstance(models, dict) and all(_is_entry(name, entry) for name, entry in models.items())
    if not valid or not _texts(content.get("plugins")):
        raise ConfigError(f"{path} is malformed; `mmzoo lock MODEL...` rewrites it.")
    return content


def recipe_hash(folder: ModelFolder) -> str:
    """sha256 of the recipe in a model's config.json, independent of the file's formatting."""
    recipe = folder.content.get("recipe")
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _is_entry(name: str, entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    if not _texts(entry.get("files")) or not _texts({key: entry.get(key) for key in ("source", "recipe")}):
        return False
    # Locked files are in the folder of a bundled model or of a commit; no name may lead out of it.
    named = MODEL_NAME.fullmatch(name) or _is_commit(name, pinned=False)
    placed = entry["source"] == "bundled" or _is_commit(entry["source"])
    return bool(named and placed and all(PLAIN_NAME.fullmatch(file) for file in entry["files"]))


def _is_commit(text: str, *, pinned: bool = True) -> bool:
    """Whether a text is `hf-hub:org/name@commit`; unless pinned, also with any other revision or none."""
    try:
        source = parse_source(text)
    except UsageError:
        return False
    return source.scheme == "hf-hub" and (not pinned or bool(COMMIT.fullmatch(source.revision or "")))


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


def _locked_files(folder: ModelFolder) -> list[str]:
    """The files that a lock covers; samples are not among them."""
    names = [name for name in folder.files() if "/" not in name and not name.startswith(".")]
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in PATTERNS["proof"])]


def _differing(name: str, locked: Mapping[str, Any]) -> list[str]:
    source = parse_source(locked["source"])
    if source.scheme == "bundled":
        folder = bundled_folder(name.rpartition(":")[2].partition(".")[0])
        if folder is None:
            return [f"{name} is not bundled with this version of mmzoo"]
    else:
        folder = fetch(source, name, what="proof")
    lines = []
    for file, digest in locked["files"].items():
        if not (folder / file).is_file():
            lines.append(f"{file} of {name} is missing")
        elif (here := sha256_of(folder / file)) != digest:
            lines.append(f"{file} of {name} has sha256 {here[:16]}... here, but {digest[:16]}... in the lock")
    if not lines and recipe_hash(ModelFolder(folder)) != locked["recipe"]:
        lines.append(f"the recipe of {name} is not the locked one")
    return lines


def _source_now(name: str) -> str:
    """The source that a registered name stands for on this machine."""
    try:
        return str(find_model(name).source or "unpublished")
    except MmzooError:
        return "unknown"


def _plugins(folder: ModelFolder, model: FoundModel) -> dict[str, str]:
    """Distributions and their versions that supply the recipe's components, or the format of a foreign config."""
    recipe = folder.config.recipe if folder.is_own else {}
    named = {str(value.get("name") if isinstance(value, dict) else value) for value in recipe.values()}
    specs = [
        spec
        for spec in registry.catalog().components()
        if {spec.name, f"{spec.plugin}:{spec.name}"} & named or (not folder.is_own and spec.detects(folder.content))
    ]
    versions = {spec.plugin: spec.version for spec in specs}
    if model.spec is not None:
        versions[model.spec.plugin] = model.spec.version
    return versions


def _installed(plugin: str) -> str | None:
    if plugin == "mmzoo":
        return mmzoo.__version__
    records = [record for record in registry.catalog().plugins() if record.distribution == plugin]
    return next((record.version for record in records if record.state == "loaded"), None)
