"""The sha256 of each component in a weights file. `config.json` stores them so that a component can be fetched alone.

Tensor names begin with their component: `quantizer.codebook` belongs to `quantizer`. A digest covers the names, types,
shapes and bytes of the component's tensors, sorted by name, wherever they are in the file.
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
    """The sha256 of each component, or only of these parts, in a weights file. Raises CorruptFileError."""
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
    """Raise ChecksumError with the components of a weights file whose digests differ from the expected ones."""
    digests = component_digests(path, expected)
    wrong = [part for part in expected if digests[part] != expected[part]]
    if wrong:
        raise ChecksumError(
            f"The tensors of {', '.join(wrong)} in {path} do not have the digests in the {CONFIG_NAME} beside it; get"
            " the weights that belong to it."
        )


def write_components(folder: Path) -> bool:
    """Write the component digests of a model folder's weights to its config.json; returns whether that changed it."""
    model = ModelFolder(folder)
    return model.write_config(replace(model.config, components=component_digests(model.weights)))
