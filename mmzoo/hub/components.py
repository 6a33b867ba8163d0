"""A sha256 for each component of a weights file, which `config.json` carries, so that one can be fetched alone.

A component is what the tensor names begin with: `quantizer.codebook` is of `quantizer`. Its digest covers name, type,
shape and bytes of its tensors in the order of their names, wherever they lie in the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from mmzoo.errors import ChecksumError
from mmzoo.hub.tensor_file import OpenTensors, open_tensors
from mmzoo.model_folder import CONFIG_NAME, ModelFolder


def component_digests(path: Path, parts: Iterable[str] | None = None) -> dict[str, str]:
    """The sha256 of each component of a weights file; parts: only of these. Raises CorruptFileError."""
    with open_tensors(path) as file:
        wanted = sorted({name.partition(".")[0] for name in file.entries if "." in name} if parts is None else parts)
        return {part: _digest(file, part) for part in wanted}


def _digest(file: OpenTensors, part: str) -> str:
    digest = hashlib.sha256()
    for name in sorted(name for name in file.entries if name.startswith(f"{part}.")):
        dtype, shape = file.entries[name]
        digest.update(json.dumps([name, str(dtype).removeprefix("torch."), list(shape)]).encode() + b"\0")
        digest.update(file.read(name).reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_components(path: Path, expected: Mapping[str, str]) -> None:
    """Raise ChecksumError, naming the components of a weights file that are not what the config says."""
    found = component_digests(path, expected)
    wrong = [part for part in expected if found[part] != expected[part]]
    if wrong:
        raise ChecksumError(
            f"{path} holds other tensors of {', '.join(wrong)} than the {CONFIG_NAME} beside it says; get the weights"
            " that belong to it."
        )


def write_components(folder: Path) -> bool:
    """Write the digests of a model folder's weights into its config.json; returns whether that changed it."""
    model = ModelFolder(folder)
    return model.write_config(replace(model.config, components=component_digests(model.weights)))
