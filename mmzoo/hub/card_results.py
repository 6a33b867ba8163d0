"""The results on a card: tables for readers and, for the Hub, the most important figures.

A task registers the layout of its results (`mmzoo.hookspecs.Register.task`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmzoo.registry import load_target
from mmzoo.registry.specs import TaskSpec

ABOUT = ("model", "task", "command", "sha256", "protocol", "machine", "seconds", "complete", "without", "not_stored")
"""Keys of an evaluation that describe it; all others hold figures."""
SECONDARY = (*ABOUT, "speed", "tables", "codes")
"""Keys that supply no headline where a task registers none."""
MOST = 10
CENTERS = ("share", "rate", "difference", "mean")
"""Keys whose 95% interval is given by `low` and `high` beside them."""


def headlines(task: TaskSpec | None, evaluation: Mapping[str, Any] | None) -> list[tuple[str, str, float]]:
    """(metric type, name, value) of the most important figures of an evaluation; by default the first ones."""
    numbers = flatten({key: value for key, value in (evaluation or {}).items() if key not in ABOUT})
    figures = {path: value for path, value in numbers if not _is_bound(path.rpartition(".")[2])}
    first = [path for path in figures if path.partition(".")[0] not in SECONDARY][:MOST]
    chosen = (task and task.headlines) or {path: path.rpartition(".")[2] for path in first}
    return [(kind, re.sub(r"[._]", " ", path), figures[path]) for path, kind in chosen.items() if path in figures]


def flatten(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """(dotted name, value) of every number in a report, in order."""
    for key, value in report.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", value


def _is_bound(key: str) -> bool:
    return key in ("low", "high", "spread") or key.endswith(("_low", "_high", "_spread"))


def sections(task: TaskSpec | None, evaluation: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Title and figures of each section of an evaluation; each key is one if the task registers no sections."""
    keys = (task and task.sections) or {key: key.replace("_", " ") for key in evaluation if key not in ABOUT}
    titled = [(title, _at(evaluation, key)) for key, title in keys.items()]
    return [(title, figures) for title, figures in titled if figures is not None]


def _at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def tables(task: TaskSpec | None, evaluation: Mapping[str, Any]) -> str:
    """The tables made by the task's own function; empty if it has none."""
    if task is None or task.tables is None:
        return ""
    render: Any = load_target(task.renderer(task.tables))
    return str(render(evaluation))


def results(task: TaskSpec | None, evaluation: Mapping[str, Any] | None) -> str:
    """The section about results, in Markdown."""
    if evaluation is None:
        return "## Results\n\nThis model has not been evaluated yet."
    figures = []
    for title, values in sections(task, evaluation):
        if isinstance(values, Mapping):
            figures += [f"| {title}: {name.replace('_', ' ')} | {_shown(value)} |" for name, value in _flat(values)]
        else:
            figures.append(f"| {title} | {_shown(values)} |")
    listed = "\n".join(["| figure | value (95% interval) |", "|---|---|", *figures]) if figures else ""
    return "\n\n".join(filter(None, ("## Results", _protocol(evaluation), tables(task, evaluation), listed)))


def _protocol(evaluation: Mapping[str, Any]) -> str:
    """How the figures were measured."""
    facts = "; ".join(
        f"{key.replace('_', ' ')}: {_fact(value)}" for key, value in evaluation.get("protocol", {}).items()
    )
    command = f"Command: `{evaluation['command']}`." if "command" in evaluation else ""
    return " ".join(filter(None, (f"{facts[:1].upper()}{facts[1:]}." if facts else "", command)))


def _fact(value: Any) -> str:
    """A value of the protocol: of a mapping, such as the judges by name, its values; of a list, its items."""
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
    return ", ".join(map(str, values))


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Name and value of each figure, an interval included in the value."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} ")
        elif _is_bound(key) and len(values) > 1:
            continue
        elif key in CENTERS and "low" in values:
            bounds = f"{_shown(values['low'])} to {_shown(values['high'])}"
            yield (prefix or f"{key} ").rstrip(), f"{_shown(value)} ({bounds})"
        elif f"{key}_low" in values:
            bounds = f"{_shown(values[f'{key}_low'])} to {_shown(values[f'{key}_high'])}"
            yield f"{prefix}{key}", f"{_shown(value)} ({bounds})"
        elif f"{key}_spread" in values:
            yield f"{prefix}{key}", f"{_shown(value)} ± {_shown(values[f'{key}_spread'])}"
        else:
            yield f"{prefix}{key}", value
