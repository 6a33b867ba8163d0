"""`mmzoo convert`: convert a model between the formats of mmzoo and other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import say


def convert(
    model: Annotated[str, typer.Argument(help="A name, a folder, or hf-hub:org/name@revision.")],
    folder: Annotated[Path, typer.Argument(help="The folder to write; it must not exist yet.")],
    to: Annotated[str | None, typer.Option(help="A format of `mmzoo list --kind format`; mmzoo's by default.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; by default its own, or the folder's.")] = None,
) -> None:
    """Convert a model to the format of another library, or from it to mmzoo's, in float32.

    The card is not copied; its license and terms still apply. `mmzoo card` prepares a folder in mmzoo's format for
    publishing. State that only training used, such as averages of codebooks, is dropped.
    """
    import torch

    from mmzoo.composition import save_model
    from mmzoo.composition.foreign import save_foreign
    from mmzoo.errors import UsageError
    from mmzoo.factory import create

    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another folder.")
    head = create(model)
    if to is None:
        config = head.tree.config
        new_name = name or config.name or folder.name
        save_model(head, folder, dtype=torch.float32, name=new_name, task=config.task, modalities=config.modalities)
    else:
        save_foreign(head, folder, to)
    say(f"{folder}: config.json and model.safetensors")
