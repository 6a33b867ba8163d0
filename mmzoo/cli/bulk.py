"""What the commands that work in bulk share: options, and the report at the end."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, say
from mmzoo.data.jobs import Outcome, launched_rank
from mmzoo.errors import InputError

ShardRows = Annotated[
    int, typer.Option("--shard-rows", min=1, help="Rows in a shard, which is what an interruption can lose.")
]


def folder_of(output: Path | None) -> Path:
    """The folder of --output. Raises InputError without one."""
    if output is None or str(output) == "-":
        raise InputError("Give a folder with --output.")
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; give a folder with --output.")
    return output


def written_command() -> str:
    """The command as it was typed."""
    return shlex.join(["mmzoo", *sys.argv[1:]])


def report(outcome: Outcome, output: Path) -> None:
    """Print what became of the rows, in the first process only, and exit with 1 if some failed."""
    if launched_rank()[0] == 0:
        say(one_line(f"{output}: {outcome.rows - outcome.failed} of {outcome.rows} rows"))
    if outcome.failed:
        if launched_rank()[0] == 0:
            note(one_line(f"error: the model refused {outcome.failed} of {outcome.rows} rows, first {outcome.first}"))
        raise typer.Exit(1)
