"""A sha256 for each component of a weights file, which `config.json` carries, so that one can be fetched alone.

A component is what the tensor names begin with: `quantizer.codebook` is of `quantizer`. Its digest covers name, type,
shape and bytes of its tensors in the order of their names, wherever they lie in the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mmzoo.errors import ChecksumError
from mmzoo.hub.tensor_file import Layout, read_layout
from mmzoo.model_folder import CONFIG_NAME, ModelFolder

BLOCK = 1 << 20


def component_names(layout: Layout, part: str) -> list[str]:
    """The tensors of a component, sorted."""
    return sorted(name for name in layout.entries if name.startswith(f"{part}."))


def digest(layout: Layout, names: Iterable[str], read: Callable[[int, int], bytes]) -> str:
    """sha256 of these tensors of a file that `read(begin, end)` reads."""
    found = hashlib.sha256()
    for name in names:
        dtype, shape = layout.entries[name]
        found.update(json.dumps([name, str(dtype).removeprefix("torch."), list(shape)]).encode() + b"\0")
        begin, end = layout.spans[name]
        for place in range(begin, end, BLOCK):
            found.update(read(place, min(place + BLOCK, end)))
    return found.hexdigest()


def component_digests(path: Path, parts: Iterable[str] | None = None) -> dict[str, str]:
    """The digest of each component of a weights file; parts: only of these. Raises CorruptFileError."""
    layout = read_layout(path)
    wanted = sorted({name.partition(".")[0] for name in layout.entries if "." in name} if parts is None else parts)
    with path.open("rb") as stream:

        def read(begin: int, end: int) -> bytes:
            stream.seek(begin)
            return stream.read(end - begin)

        return {part: digest(layout, component_names(layout, part), read) for part in wanted}


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
