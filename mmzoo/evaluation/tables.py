"""An evaluation as Markdown: the tables and lines that the renderers of tasks are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from mmzoo.hub.card_results import sections, tables
from mmzoo.registry import catalog, load_target

Report = Mapping[str, Any]


def words(key: str) -> str:
    """A key with spaces, for display."""
    return key.replace("_", " ")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with the first column aligned left and the others right."""
    ruler = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join((f"| {' | '.join(header)} |", ruler, *(f"| {' | '.join(row)} |" for row in rows)))


def line(title: str, values: Report) -> str:
    """The numbers of a mapping in one sentence; '' if there are none."""
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
    shown = [f"{words(n)} {f'{v:,}' if isinstance(v, int) else f'{v:.4g}'}" for n, v in numbers.items()]
    return f"{title}: {', '.join(shown)}." if shown else ""


def percent(row: Report, key: str) -> str:
    """A rate in percent, or a dash if the row lacks it."""
    return f"{row[key] * 100:.1f}" if key in row else "-"


def points(change: Report | None) -> str:
    """A difference of rates in percentage points, with its interval if there is one."""
    if change is None:
        return ""
    bounds = f" ({change['low'] * 100:+.1f} to {change['high'] * 100:+.1f})" if "low" in change else ""
    return f"{change['difference'] * 100:+.1f}{bounds}"


def with_interval(rate: Report) -> str:
    """A fraction (the key `share`) in percent, with its interval."""
    return f"{rate['share'] * 100:.1f} ({rate['low'] * 100:.1f} to {rate['high'] * 100:.1f})"


def accuracy_table(title: str, report: Mapping[str, Any]) -> str:
    """Accuracies by row and attribute, and over all attributes with a 95 % interval."""
    rows = {name: row for name, row in report.items() if isinstance(row, Mapping)}
    if not rows:
        return ""
    names = [name for name in dict.fromkeys(chain.from_iterable(rows.values())) if name != "all"]
    return table(
        [title, *names, "all (95 %)"],
        ([words(name), *(percent(row, key) for key in names), with_interval(row["all"])] for name, row in rows.items()),
    )


def recognition_table(evaluation: Report) -> str:
    """Speech error rates by row, each with its difference from the reference; see `mmzoo.evaluation.speech`."""
    differences = evaluation.get("differences", {})
    header = [
        "",
        "WER %",
        "CER %",
        "PER %",
        "words skipped, added, repeated %",
        "garbled %",
        "WER above the teacher's (95 %)",
    ]
    rows = []
    for name, row in evaluation.get("rows", {}).items():
        change = differences.get(name, {})
        slips = ", ".join(percent(row, f"words_{key}") for key in ("skipped", "added", "repeated"))
        rates = [percent(row, key) for key in ("wer", "cer", "per")]
        rows.append([words(name), *rates, slips, percent(change, "words_garbled"), points(change.get("wer"))])
    return table(header, rows) if rows else ""


def recognition_results(evaluation: Report) -> str:
    """`recognition_table` with an explanation for readers of a card: the renderer `tables` of speech tasks."""
    shown = recognition_table(evaluation)
    explanation = (
        "The judge mishears the teacher too: what counts is the difference. Garbled words fit their sound worse than"
        " 99 % of the teacher's words do, by forced alignment."
    )
    return f"{explanation}\n\n{shown}" if shown else ""


def blocks(evaluation: Report) -> list[str]:
    """The Markdown blocks of an evaluation for a README, as its task lays them out."""
    task = catalog().task(str(evaluation.get("task", "")))
    if task is None or task.numbers is None:
        listed = [line(title, values) for title, values in sections(task, evaluation) if isinstance(values, Mapping)]
        return [tables(task, evaluation), *listed]
    render: Any = load_target(task.renderer(task.numbers))
    return list(render(evaluation))
