"""Whether the files of a model are what they should be, at any time after they were fetched."""

from __future__ import annotations

from mmzoo.errors import ChecksumError, ConfigError, HubError
from mmzoo.hub.huggingface import broken_files, forget_file, remove_leftovers, snapshot_folder
from mmzoo.hub.published import FoundModel
from mmzoo.hub.sources import fetch
from mmzoo.model_folder import CONFIG_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.system import sha256_of


def verify_files(model: FoundModel) -> dict[str, str]:
    """Check every file of a model. Missing files are fetched.

    A file is compared with its pin, with the checksum the Hub gave when it was fetched, and the weights with the
    digests of components in config.json.

    Args:
        model: at one commit, if it is on the Hub.

    Returns:
        By file name, what the file was compared with.

    Raises:
        ChecksumError: naming all files that differ.
        HubError, WeightsError: if it cannot be had.
    """
    folder = _fetched(model)
    checked = dict.fromkeys(folder.files(), "as the Hub gave it") if model.downloaded else {}
    checked |= {name: "as it is pinned" for name in model.pins if (folder.path / name).is_file()}
    wrong = _wrong(model, folder)
    stated = _components(folder) if CONFIG_NAME not in wrong and WEIGHTS_NAME not in wrong else {}
    if stated:
        from mmzoo.hub.components import component_digests  # only here, because it needs torch

        checked.setdefault(WEIGHTS_NAME, "as config.json says")
        digests = component_digests(folder.weights, stated)
        wrong |= {f"{WEIGHTS_NAME} ({part})" for part in stated if digests[part] != stated[part]}
    if wrong:
        raise ChecksumError(
            f"{', '.join(sorted(wrong))} of {model.name} in {folder.path} {'is' if len(wrong) == 1 else 'are'} not what"
            f" {'it' if len(wrong) == 1 else 'they'} should be; {model.remedy}."
        )
    return dict(sorted(checked.items()))


def fetch_all(model: FoundModel) -> ModelFolder:
    """Fetch all files of a model, samples too.

    Files in the cache that are damaged are fetched again, and what killed transfers left is removed.

    Args:
        model: at one commit, if it is on the Hub.

    Raises:
        HubError, WeightsError, ChecksumError: if it cannot be had.
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
    """The files that are there and are not as the Hub gave them, or not as they are pinned."""
    pinned = {name: digest.lower() for name, digest in model.pins.items() if (folder.path / name).is_file()}
    broken = broken_files(folder.path) if model.downloaded else []
    return {*broken, *(name for name, digest in pinned.items() if sha256_of(folder.path / name) != digest)}


def _fetched(model: FoundModel) -> ModelFolder:
    """The model's folder, if possible with its golden outputs; without a Hub, as it is in the cache.

    Unlike `FoundModel.folder` it compares nothing: all files that differ are to be named at once.
    """
    called = model.bare_name or model.name
    try:
        return ModelFolder(fetch(model.weights_source, called, what="proof"))
    except HubError:
        return ModelFolder(fetch(model.weights_source, called))


def _components(folder: ModelFolder) -> dict[str, str]:
    try:
        return dict(folder.config.components)
    except ConfigError:  # of another library, or a mistake that loading the model tells
        return {}
