"""`mmzoo evaluate`: evaluate a model with the metric of its task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, print_json, say_row


def evaluate(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    judge: Annotated[
        str | None, typer.Option(help="A judge to use instead of the task's own, from `mmzoo list --kind judge`.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Use at most this many held-out items; evaluation.json is then not written.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report here instead of beside the model.")] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Only print the tables of studies that are stored with the model.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Evaluate a model on held-out data and write evaluation.json beside it."""
    from mmzoo.evaluation.runner import evaluate as run
    from mmzoo.hub.card_results import flatten

    report = run(name, judge=judge, limit=limit, out=out, tables=tables)
    if not report.get("complete", True):
        note(one_line(f"{report['protocol']['note']}; evaluation.json beside the model is unchanged."))
    if as_json:
        print_json(report)
        return
    for key, value in flatten(report):
        say_row(key, value)
