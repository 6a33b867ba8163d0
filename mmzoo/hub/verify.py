"""Whether the files of a model are what they should be, at any time after they were fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmzoo.errors import ChecksumError, HubError
from mmzoo.hub.huggingface import broken_files, files_of, forget_file, remove_leftovers
from mmzoo.hub.published import FoundModel, find_model
from mmzoo.hub.sources import WEIGHTS_NAME, fetch, sha256_of


def verify_files(model: FoundModel) -> dict[str, str]:
    """Check every file of a model; returns by name what it was compared with. Missing files are fetched.

    A file is compared with its pin, with the checksum the Hub gave when it was fetched, and the weights with the
    digests of components in config.json. Raises ChecksumError naming all files that differ, HubError, WeightsError.
    """
    folder = _fetched(model)
    checked = dict.fromkeys(files_of(folder), "as the Hub gave it") if model.downloaded else {}
    checked |= {name: "as it is pinned" for name in model.pins if (folder / name).is_file()}
    wrong = _wrong(model, folder)
    from mmzoo.hub.components import component_digests  # only here, because it needs torch

    stated = _components(folder) if "config.json" not in wrong and WEIGHTS_NAME not in wrong else {}
    if stated:
        checked.setdefault(WEIGHTS_NAME, "as config.json says")
        found = component_digests(folder / WEIGHTS_NAME, stated)
        wrong |= {f"{WEIGHTS_NAME} ({part})" for part in stated if found[part] != stated[part]}
    if wrong:
        raise ChecksumError(
            f"{', '.join(sorted(wrong))} of {model.name} in {folder} {'is' if len(wrong) == 1 else 'are'} not what"
            f" {'it' if len(wrong) == 1 else 'they'} should be; {model.remedy}."
        )
    return dict(sorted(checked.items()))


def pull(name: str, revision: str | None = None) -> list[tuple[str, Path]]:
    """Fetch all of a model, samples too, and of the models in its slots; returns each one's name and folder.

    Files in the cache that are damaged are fetched again, and what killed transfers left is removed.
    Raises what `create` raises of the Hub.
    """
    done: dict[str, Path] = {}
    waiting = [(name, revision, True)]
    while waiting:
        asked, at, local = waiting.pop(0)
        if asked in done:
            continue
        model = find_model(asked, at, local=local)
        _forget_damaged(model)
        model.weights_file()
        done[asked] = model.folder("all")
        if model.downloaded:
            remove_leftovers(model.origin.place)
        waiting += [(slot, None, not model.downloaded) for slot in slot_models(done[asked])]
    return list(done.items())


def slot_models(folder: Path) -> list[str]:
    """The names of the models in the slots of the recipe in a model folder's config.json."""
    recipe = _config(folder).get("recipe")
    values = recipe.values() if isinstance(recipe, dict) else ()
    return [value["model"] for value in values if isinstance(value, dict) and isinstance(value.get("model"), str)]


def _forget_damaged(model: FoundModel) -> None:
    from mmzoo.hub.huggingface import snapshot_folder

    if not model.downloaded:
        return
    folder = snapshot_folder(model.origin.place, str(model.origin.revision))
    for name in _wrong(model, folder):
        forget_file(folder / name)


def _wrong(model: FoundModel, folder: Path) -> set[str]:
    """The files that are there and are not as the Hub gave them, or not as they are pinned."""
    pinned = {name: digest.lower() for name, digest in model.pins.items() if (folder / name).is_file()}
    broken = broken_files(folder) if model.downloaded else []
    return {*broken, *(name for name, digest in pinned.items() if sha256_of(folder / name) != digest)}


def _fetched(model: FoundModel) -> Path:
    """The model's folder, if possible with its golden outputs; without a Hub, as it is in the cache."""
    called = model.bare_name or model.name
    try:
        return fetch(model.origin, called, what="proof")
    except HubError:
        return fetch(model.origin, called)


def _components(folder: Path) -> dict[str, str]:
    stated = _config(folder).get("components")
    return {str(part): str(digest) for part, digest in stated.items()} if isinstance(stated, dict) else {}


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
