"""`mmzoo card`: write the golden outputs and the card of a model repo, or check them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.errors import CorruptFileError, InputError


def card(
    folder: Annotated[Path, typer.Argument(help="A model repo, such as model_cards/vqvae-speech.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if anything would change.")] = False,
) -> None:
    """Write golden.safetensors and README.md of a model repo from what it holds."""
    from mmzoo.factory import create
    from mmzoo.hub.cards import render_card, write_card
    from mmzoo.hub.golden import check_golden, write_golden

    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a model repo: it has no config.json.")
    head = create(f"local-dir:{folder}")
    if not check:
        write_golden(head, folder)
        print(write_card(folder))
        return
    check_golden(head, folder)
    readme = folder / "README.md"
    if not readme.is_file() or readme.read_text("utf-8") != render_card(folder):
        raise CorruptFileError(f"{readme} is not what `mmzoo card {folder}` writes; run it.")
    print(f"{folder}: the card is up to date and the golden outputs are reproduced")
