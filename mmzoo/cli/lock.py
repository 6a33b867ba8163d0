"""`mmzoo lock` and `mmzoo sync`: exactly the same models on another machine, or an error."""

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
    """Write the commits, files and plugins of models, and of the models in their slots, to a lock file."""
    from mmzoo.hub.lock import lock as write
    from mmzoo.resolve import resolve

    content = write([resolve(name) for name in names], file)
    for name, entry in content["models"].items():
        say_row(name, entry["source"], f"{len(entry['files'])} files")


def sync(
    file: FileOption = Path("mmzoo.lock"),
    frozen: Annotated[
        bool,
        typer.Option("--frozen", help="Also fail on changed versions of plugins and names that have moved."),
    ] = False,
) -> None:
    """Download the models of a lock file and check every file; fail with the lines that differ."""
    from mmzoo.errors import LockError
    from mmzoo.hub.lock import read_lock
    from mmzoo.hub.lock import sync as compare

    differences = compare(file)
    for line in (*differences.files, *differences.versions):
        note(one_line(line))
    wrong = len(differences.files) + (len(differences.versions) if frozen else 0)
    if wrong:
        differ = "line differs" if wrong == 1 else "lines differ"
        raise LockError(
            f"{wrong} {differ} from {file}, as listed above; `mmzoo pull NAME` replaces damaged files,"
            " `mmzoo lock` accepts the differences."
        )
    for name, entry in read_lock(file)["models"].items():
        say_row(name, entry["source"])
