"""A command: `mmzoo acme-part`."""

from __future__ import annotations

from typing import Annotated

import typer


def acme_part(
    words: Annotated[list[str], typer.Argument(help="Words to count.")],
    letters: Annotated[bool, typer.Option(help="Count letters instead.")] = False,
) -> None:
    """Count words, or letters. This text is the command's help."""
    typer.echo(sum(map(len, words)) if letters else len(words))
