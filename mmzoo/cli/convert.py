"""`mmzoo convert`: a model from one library's layout of files to another's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import say


def convert(
    model: Annotated[str, typer.Argument(help="A name, local-dir:path or hf-hub:org/name@revision.")],
    folder: Annotated[Path, typer.Argument(help="Where to write it; it must not be there yet.")],
    to: Annotated[str | None, typer.Option(help="A format of `mmzoo list --kind format`; mmzoo's own if none.")] = None,
    name: Annotated[str | None, typer.Option(help="What it is called; the folder's name if it has none.")] = None,
) -> None:
    """Write a model as another library lays it out, or one of another library as mmzoo does, in float32.

    The card is not written: its licence and what it says still hold. `mmzoo card` then makes a folder of mmzoo's
    ready to be published. What only the other library's training used, such as averages of codebooks, is not kept.
    """
    import torch

    from mmzoo.composition import save_model
    from mmzoo.composition.foreign import save_foreign
    from mmzoo.errors import UsageError
    from mmzoo.factory import create

    if folder.exists():
        raise UsageError(f"{folder} is there already; give a folder that is not.")
    head = create(model)
    if to is None:
        config = head.tree.config
        called = name or config.name or folder.name
        save_model(head, folder, dtype=torch.float32, name=called, task=config.task, modalities=config.modalities)
    else:
        save_foreign(head, folder, to)
    say(f"{folder}: config.json and model.safetensors")
