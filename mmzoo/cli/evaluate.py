"""`mmzoo evaluate`: run the protocol of a model's task."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    limit: Annotated[int | None, typer.Option(help="Only so many held-out sentences; nothing is written then.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the report here instead of beside the model.")] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also fill the task's tables: trains many small models, and resumes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Judge a model on held-out data and write evaluation.json beside it."""
    from mmzoo.evaluation.runner import evaluate as run
    from mmzoo.evaluation.runner import flatten

    report = run(name, limit=limit, out=out, tables=tables)
    if not report.get("complete", True):
        print(f"{report['protocol']['note']}; evaluation.json beside the model is left as it is.", file=sys.stderr)
    if as_json:
        print(json.dumps(report, indent=2))
        return
    for key, value in flatten(report):
        print(f"{key}\t{value}")
