"""The folder of an exported model, and loading it. Nothing here imports torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mmzoo
from mmzoo.engines.sessions import Session, onnxruntime
from mmzoo.errors import ChecksumError, ConfigError, PluginError
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces.graphs import Exported
from mmzoo.model_folder import EXPORT_NAME, RECORDS, ModelFolder, read_record
from mmzoo.registry import catalog, load_target
from mmzoo.registry.names import NAME
from mmzoo.registry.specs import HeadSpec
from mmzoo.system import sha256_of

FORMAT = 2
"""The version of the folder's layout and of the inputs of our graphs."""
SUFFIX = ".onnx"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `export.json`.

    Args:
        name: The model's name.
        head: The registered name of its head.
        recipe: That of the model, as a record.
        settings: What the runner of the head needs beside the graphs.
        graphs: For each graph, its largest `difference` from PyTorch, relative to its largest value, and the
            `tolerance`, which does not hold for a quantized graph.
        models: By slot, sha256 of the manifest in the folder of that name, which holds the model in the slot.
        files: sha256 of the other files.
        task: Such as `text-to-speech`.
        license: License of the weights, if it is known.
        int8: Whether matrix products are quantized.
        source: sha256 of the files of the model that was exported, by name.
        versions: Those of mmzoo, the plugins and libraries that wrote it.
        format: The version of the layout.
    """

    name: str
    head: str
    recipe: Mapping[str, Any]
    settings: Mapping[str, Any]
    graphs: Mapping[str, Mapping[str, float]]
    models: Mapping[str, str]
    files: Mapping[str, str]
    task: str = ""
    license: str | None = None
    int8: bool = False
    source: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"


def is_exported(folder: str | os.PathLike[str]) -> bool:
    """Whether this is the folder of an exported model."""
    return (Path(folder) / EXPORT_NAME).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an exported model. Raises ConfigError, CorruptFileError."""
    path = folder / EXPORT_NAME
    content = read_record(path)
    if content is None:
        raise ConfigError(f"There is no {EXPORT_NAME} in {folder}; `mmzoo export MODEL --onnx DIR` writes it.")
    if content.get("format") != FORMAT:
        raise ConfigError(f"{path} has another format than {FORMAT}; export the model again with this mmzoo.")
    maps = ("recipe", "settings", "graphs", "models", "files", "source", "versions")
    if (
        not content.keys() <= Manifest.__dataclass_fields__.keys()
        or not all(isinstance(content.get(key), str) for key in ("name", "head", "task"))
        or not all(isinstance(content.get(key), dict) for key in maps)
        or not all(NAME.fullmatch(name) for key in ("graphs", "models") for name in content[key])
    ):
        raise ConfigError(f"{path} is not the manifest of an exported model; export the model again.")
    return Manifest(**content)


def load_exported(folder: Path, threads: int) -> Any:
    """The runner of an exported model, and of those in its slots.

    Args:
        folder: The folder.
        threads: Threads of one call of a graph.

    Raises:
        ConfigError, CorruptFileError, ChecksumError: The folder is damaged or of another version.
        MissingDependencyError: onnxruntime is not installed.
        PluginError: The plugin of the head is missing or cannot run it.
    """
    onnxruntime()
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    runner = runner_of(manifest.head)
    exported = Exported(
        manifest.name,
        manifest.settings,
        {name: Session(folder / f"{name}{SUFFIX}", threads) for name in manifest.graphs},
        {slot: load_exported(folder / slot, threads) for slot in manifest.models},
        folder,
    )
    return runner(exported)


def runner_of(head: str) -> Any:
    """The class that runs the exported models of a head. Raises PluginError."""
    spec = catalog().component("head", head)
    if not isinstance(spec, HeadSpec) or spec.runner is None:
        raise PluginError(
            f"The head {head!r} of the plugin {spec.plugin} has no runner, so its models cannot be exported.",
            plugin=spec.plugin,
        )
    return load_target(spec.runs())


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare all files with their digests. Raises ChecksumError."""
    digests = {**manifest.files, **{f"{slot}/{EXPORT_NAME}": digest for slot, digest in manifest.models.items()}}
    missing = {f"{name}{SUFFIX}" for name in manifest.graphs} - digests.keys()
    wrong = sorted(missing | {name for name, digest in digests.items() if _digest(folder, name) != digest})
    if wrong:
        raise ChecksumError(
            f"{', '.join(wrong)} in {folder} differs from what {EXPORT_NAME} says; export the model again."
        )


def _digest(folder: Path, name: str) -> str | None:
    path = folder / name
    inside = ".." not in name and not Path(name).is_absolute()
    return sha256_of(path) if inside and path.is_file() else None


def exported_licenses(folder: Path) -> dict[str, str | None]:
    """The licenses of an exported model and of those in its slots, by name."""
    manifest = read_manifest(folder)
    found: dict[str, str | None] = {manifest.name: manifest.license}
    for slot in manifest.models:
        found |= exported_licenses(folder / slot)
    return found


# --- what an export depends on -----------------------------------------------------------------------


def versions() -> dict[str, str]:
    """The versions of mmzoo and its plugins."""
    plugins = {record.distribution: record.version for record in catalog().plugins() if record.state == "loaded"}
    return {"mmzoo": mmzoo.__version__, **dict(sorted(plugins.items()))}


def source_of(tree: ResolvedModel) -> dict[str, str]:
    """sha256 of the files that make a model: config, weights and files of its head; none with fresh parameters.

    Raises HubError, WeightsError.
    """
    if not tree.pretrained:
        return {}
    folder = ModelFolder(tree.found.weights_file(tree.ref.sha256).parent)
    names = [name for name in folder.files() if "/" not in name and name not in RECORDS and not name.startswith(".")]
    return {name: sha256_of(folder.path / name) for name in names}


def export_key(tree: ResolvedModel) -> str:
    """A digest of everything that the export of a model depends on. Raises HubError, WeightsError."""
    models = [(node.name, node.recipe, source_of(node)) for node in tree.walk() if isinstance(node, ResolvedModel)]
    content = json.dumps([FORMAT, versions(), models], sort_keys=True, default=dict)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
