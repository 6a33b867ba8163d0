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


def columns_table(columns: Mapping[str, Sequence[str]]) -> str:
    """A Markdown table of the columns that say anything, by their titles."""
    kept = {name: cells for name, cells in columns.items() if any(cell not in ("", "-") for cell in cells)}
    return table(list(kept), zip(*kept.values(), strict=True))


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


def judged_rows(evaluation: Report) -> list[tuple[str, Report, Report]]:
    """Title, figures and differences of each row of judged sounds; then those under `voices`, with the voice's name."""
    voices = {"": evaluation, **evaluation.get("voices", {})}
    return [
        (" ".join(filter(None, (voice, words(name)))), row, part.get("differences", {}).get(name, {}))
        for voice, part in voices.items()
        for name, row in part.get("rows", {}).items()
    ]


def recognition_table(evaluation: Report) -> str:
    """Speech error rates by row, each with its difference from the reference; see `mmzoo.evaluation.speech`."""
    rows = [(name, row, change) for name, row, change in judged_rows(evaluation) if "wer" in row]
    others = dict.fromkeys(name for _, row, _ in rows for name in row.get("listeners", {}))
    columns: dict[str, list[str]] = {"": [name for name, _, _ in rows]}
    columns |= {"WER %": [_rate(row) for _, row, _ in rows]}
    columns |= {f"{key.upper()} %": [percent(row, key) for _, row, _ in rows] for key in ("cer", "per")}
    columns["words skipped, added, repeated %"] = [
        ", ".join(percent(row, f"words_{key}") for key in ("skipped", "added", "repeated")) for _, row, _ in rows
    ]
    columns["garbled %"] = [percent(change, "words_garbled") for _, _, change in rows]
    columns["WER above the teacher's (95 %)"] = [points(change.get("wer")) for _, _, change in rows]
    for other in others:
        heard = [row.get("listeners", {}).get(other, {}) for _, row, _ in rows]
        changes = [change.get("listeners", {}).get(other, {}) for _, _, change in rows]
        columns[f"{other}: WER %"] = [percent(row, "wer") for row in heard]
        columns[f"{other}: WER above the teacher's (95 %)"] = [points(change.get("wer")) for change in changes]
        columns[f"{other}: PER %"] = [percent(row, "per") for row in heard]
        columns[f"{other}: garbled %"] = [percent(change, "words_garbled") for change in changes]
    return columns_table(columns) if rows else ""


def ratings_table(evaluation: Report) -> str:
    """Quality ratings by row, each with its difference from the reference; see `mmzoo.evaluation.speech`."""
    rows = [(name, row, change) for name, row, change in judged_rows(evaluation) if row.get("ratings")]
    columns: dict[str, list[str]] = {"": [name for name, _, _ in rows]}
    for score in dict.fromkeys(score for _, row, _ in rows for score in row["ratings"]):
        columns[f"{words(score)} (95 %)"] = [_score(row["ratings"].get(score), "mean", "") for _, row, _ in rows]
        columns[f"{words(score)} above the teacher's (95 %)"] = [
            _score(change.get("ratings", {}).get(score), "difference", "+") for _, _, change in rows
        ]
    return columns_table(columns) if rows else ""


def _rate(row: Report) -> str:
    """A word error rate in percent, with its interval if there is one."""
    bounds = f" ({percent(row, 'wer_low')} to {percent(row, 'wer_high')})" if "wer_low" in row else ""
    return percent(row, "wer") + bounds


def _score(score: Report | None, key: str, sign: str) -> str:
    if score is None:
        return ""
    return f"{score[key]:{sign}.2f} ({score['low']:{sign}.2f} to {score['high']:{sign}.2f})"


def recognition_results(evaluation: Report) -> str:
    """The tables of judged sounds with an explanation for readers of a card: the renderer `tables` of speech tasks."""
    shown = recognition_table(evaluation)
    rated = ratings_table(evaluation)
    explanation = "The judge mishears the teacher too: what counts is the difference."
    if "garbled" in shown:
        explanation += " Garbled words fit their sound worse than 99 % of the teacher's words do, by forced alignment."
    return "\n\n".join(filter(None, (explanation if shown else "", shown, rated)))


def blocks(evaluation: Report) -> list[str]:
    """The Markdown blocks of an evaluation for a README, as its task lays them out."""
    task = catalog().task(str(evaluation.get("task", "")))
    if task is None or task.numbers is None:
        listed = [line(title, values) for title, values in sections(task, evaluation) if isinstance(values, Mapping)]
        return [tables(task, evaluation), *listed]
    render: Any = load_target(task.renderer(task.numbers))
    return list(render(evaluation))
