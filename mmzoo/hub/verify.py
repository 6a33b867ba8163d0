"""Checks that the files of a model are unchanged, at any time after they were fetched."""

from __future__ import annotations

from mmzoo.errors import ChecksumError, ConfigError, HubError
from mmzoo.hub.huggingface import broken_files, forget_file, remove_leftovers, snapshot_folder
from mmzoo.hub.published import FoundModel
from mmzoo.hub.sources import fetch
from mmzoo.model_folder import CONFIG_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.system import sha256_of


def verify_files(model: FoundModel) -> dict[str, str]:
    """Check every file of a model. Missing files are fetched.

    A file is compared with its pin and with the checksum that the Hub gave when it was fetched; the weights are also
    compared with the component digests in config.json.

    Args:
        model: At one commit, if it is on the Hub.

    Returns:
        By file name, what the file was compared with.

    Raises:
        ChecksumError: Files differ; the message names all of them.
        HubError, WeightsError: The model is not available.
    """
    folder = _fetched(model)
    checked = dict.fromkeys(folder.files(), "matches the Hub's checksum") if model.downloaded else {}
    checked |= {name: "matches its pin" for name in model.pins if (folder.path / name).is_file()}
    wrong = _wrong(model, folder)
    stated = _components(folder) if CONFIG_NAME not in wrong and WEIGHTS_NAME not in wrong else {}
    if stated:
        from mmzoo.hub.components import component_digests  # only here, because it needs torch

        checked.setdefault(WEIGHTS_NAME, "matches config.json")
        digests = component_digests(folder.weights, stated)
        wrong |= {f"{WEIGHTS_NAME} ({part})" for part in stated if digests[part] != stated[part]}
    if wrong:
        names = ", ".join(sorted(wrong))
        raise ChecksumError(f"Wrong checksum for {names} of {model.name} in {folder.path}; {model.remedy}.")
    return dict(sorted(checked.items()))


def fetch_all(model: FoundModel) -> ModelFolder:
    """Fetch all files of a model, including samples.

    Damaged files in the cache are fetched again, and partial files of killed downloads are deleted.

    Args:
        model: At one commit, if it is on the Hub.

    Returns:
        The model's folder.

    Raises:
        HubError, WeightsError, ChecksumError: The model is not available.
    """
    if model.downloaded:
        cached = ModelFolder(snapshot_folder(model.weights_source.place, str(model.weights_source.revision)))
        for name in _wrong(model, cached):
            forget_file(cached.path / name)
    model.weights_file()
    folder = model.folder("all")
    if model.downloaded:
        remove_leftovers(model.weights_source.place)
    return folder


def _wrong(model: FoundModel, folder: ModelFolder) -> set[str]:
    """The existing files that differ from the Hub's checksum or from their pin."""
    pinned = {name: digest.lower() for name, digest in model.pins.items() if (folder.path / name).is_file()}
    broken = broken_files(folder.path) if model.downloaded else []
    return {*broken, *(name for name, digest in pinned.items() if sha256_of(folder.path / name) != digest)}


def _fetched(model: FoundModel) -> ModelFolder:
    """The model's folder, with golden outputs if possible; if the Hub fails, as it is in the cache.

    Unlike `FoundModel.folder` it compares nothing, so that one error can name all files that differ.
    """
    name = model.bare_name or model.name
    try:
        return ModelFolder(fetch(model.weights_source, name, what="proof"))
    except HubError:
        return ModelFolder(fetch(model.weights_source, name))


def _components(folder: ModelFolder) -> dict[str, str]:
    try:
        return dict(folder.config.components)
    except ConfigError:  # of another library, or malformed, which loading the model reports
        return {}
