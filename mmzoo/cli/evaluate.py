"""`mmzoo evaluate`: evaluate a model with the metric of its task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, print_json, say_row


def evaluate(
    name: Annotated[str, typer.Argument(help="A model's name or folder.")],
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="A judge of `mmzoo list --kind judge` to use instead of the task's own, perhaps with the folder of its"
            " weights, as in whisper:FOLDER. Repeat the option, or separate judges by commas."
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="A dataset, file or folder with held-out rows to use instead of the model's own, perhaps with"
            " arguments, as in natural-speech,voice=piper:joe. Repeat the option for several."
        ),
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
    """Evaluate a model on held-out data and write evaluation.json beside it.

    Speech is judged by all judges of its task that can be used here. The report says which; one without a judge of the
    stored report does not replace it.
    """
    from mmzoo.evaluation.runner import evaluate as run
    from mmzoo.hub.card_results import flatten

    chosen = [one.strip() for given in judge or () for one in given.split(",") if one.strip()]
    report = run(name, judge=chosen, data=data or (), limit=limit, out=out, tables=tables)
    protocol = report.get("protocol", {})
    for missing, reason in report.get("without", {}).items():
        note(one_line(f"Without {missing}: {reason}"))
    if not report.get("complete", True):
        note(one_line(f"{protocol['note']}; evaluation.json beside the model is unchanged."))
    if "not_stored" in report:
        note(one_line(f"{report['not_stored']}; evaluation.json beside the model is unchanged."))
    if as_json:
        print_json(report)
        return
    if isinstance(judges := protocol.get("judges"), Mapping):
        for key, version in judges.items():
            say_row(f"judge {key}", version)
    for key, value in flatten(report):
        say_row(key, value)
