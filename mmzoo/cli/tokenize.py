"""`mmzoo tokenize`: encodes a dataset as codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.bulk import ShardRows, folder_of, report, written_command
from mmzoo.command_line import Device


def tokenize(
    model: Annotated[str, typer.Argument(help="A tokenizer's name or folder.")],
    data: Annotated[
        str, typer.Option(help="A file or folder, hub:org/name, or the name of a registered dataset, as for train.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings of the data: data.config.KEY=VALUE, data.limit=N.", metavar="[KEY=VALUE]..."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split to encode; all by default. Repeat the option for several.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="A column to keep besides texts, labels and the like: image, audio, or phones, which are then made."
            " Repeat the option for several."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows to encode at once; more is faster on a GPU.")] = 1,
    shard_rows: ShardRows = 256,
    device: Device = "cpu",
) -> None:
    """Encode a dataset as codes, in parquet shards that several processes share and that resume where interrupted.

    `mmzoo train RECIPE data.name=tokens data.config.path=FOLDER` trains on them; docs/scale.md has examples.

    Example:

        mmzoo tokenize vqvae-image --data ./my-pictures --output codes
    """
    from mmzoo.bulk.tokenization import tokenize_all

    folder = folder_of(output)
    outcome = tokenize_all(
        model,
        data,
        folder,
        overrides=overrides or (),
        splits=split or (),
        keep=keep or (),
        batch=batch,
        shard_rows=shard_rows,
        device=device,
        command=written_command(),
    )
    report(outcome, folder)
