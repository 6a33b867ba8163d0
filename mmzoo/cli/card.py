"""`mmzoo card`: write the golden outputs and the card of a model repo, or check them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import say_row
from mmzoo.errors import CorruptFileError, InputError, WeightsError
from mmzoo.model_folder import CARD_NAME, CONFIG_NAME


def card(
    folder: Annotated[Path, typer.Argument(help="A model repo, such as model_cards/vqvae-speech.")],
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if anything is out of date.")] = False,
    license: Annotated[str | None, typer.Option(help="License of the weights, if the card states none.")] = None,
) -> None:
    """Write golden.safetensors, README.md and the components' digests of a model repo.

    Golden outputs that the model still reproduces are kept.
    """
    from mmzoo.factory import create
    from mmzoo.hub.card_schema import check_front_matter
    from mmzoo.hub.cards import read_card, render_card, write_card
    from mmzoo.hub.components import write_components
    from mmzoo.hub.golden import check_golden, write_golden

    if not (folder / CONFIG_NAME).is_file():
        raise InputError(f"{folder} is not a model repo: it has no {CONFIG_NAME}.")
    if license is not None and license != "other":
        check_front_matter({"license": license}, "the card")
    head = create(folder)
    if not check:
        try:
            check_golden(head, folder)
        except WeightsError:
            write_golden(head, folder)
        write_components(folder)
        say_row(write_card(folder, license=license))
        return
    check_golden(head, folder)
    readme = folder / CARD_NAME
    if not readme.is_file() or read_card(readme) != render_card(folder):
        raise CorruptFileError(f"{readme} is out of date; run `mmzoo card {folder}`.")
    say_row(f"{folder}: the card is up to date and the golden outputs are reproduced")
