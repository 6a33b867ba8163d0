"""Tensors that a study makes once and keeps in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from mmzoo.system import whole_file


def kept(path: Path, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a safetensors file in order of their names; where there is none, made and written there.

    The file appears whole or not at all.
    """
    from safetensors.torch import load_file, save_file

    if not path.exists():
        made = {name: tensor.contiguous() for name, tensor in make().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as staged:
            save_file(made, staged)
    return dict(sorted(load_file(path).items()))
