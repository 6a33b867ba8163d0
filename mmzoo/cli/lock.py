"""`mmzoo lock` and `mmzoo sync`: the same models on another machine, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, say_row

FileOption = Annotated[Path, typer.Option("--file", help="The lock file.")]


def lock(
    names: Annotated[list[str], typer.Argument(help="Models: names, or hf-hub:org/name@revision.")],
    file: FileOption = Path("mmzoo.lock"),
) -> None:
    """Write which commits and files these models, and those they are made of, are, and with which plugins."""
    from mmzoo.hub.lock import lock as write
    from mmzoo.resolve import resolve

    content = write([resolve(name) for name in names], file)
    for name, entry in content["models"].items():
        say_row(name, entry["source"], f"{len(entry['files'])} files")


def sync(
    file: FileOption = Path("mmzoo.lock"),
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Also refuse other versions of plugins, or names that moved on.")
    ] = False,
) -> None:
    """Fetch the models of a lock file and check every file; refuse with the lines that differ."""
    from mmzoo.errors import LockError
    from mmzoo.hub.lock import read_lock
    from mmzoo.hub.lock import sync as compare

    found = compare(file)
    for line in (*found.files, *found.versions):
        note(one_line(line))
    wrong = len(found.files) + (len(found.versions) if frozen else 0)
    if wrong:
        differ = "line differs" if wrong == 1 else "lines differ"
        raise LockError(
            f"{wrong} {differ} from {file}, as listed above; `mmzoo pull NAME` fetches what is damaged here,"
            " `mmzoo lock` accepts what is."
        )
    for name, entry in read_lock(file)["models"].items():
        say_row(name, entry["source"])
