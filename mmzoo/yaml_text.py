"""Reads untrusted YAML (recipes, front matter of cards): safely, without aliases, and with one type of error."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_FRONT = 65_536
"""Limit for a card's front matter, in characters."""
MAX_DEPTH = 50


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.1, but `1e-3` is a float instead of a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read_yaml(text: str) -> Any:
    """Parse YAML. Raises ValueError with a short reason on one line."""
    try:
        _check(text)
        value = yaml.load(text, Loader=Loader)  # a SafeLoader
        repr(value)  # fails for an integer with more digits than Python prints
    except Exception as error:  # PyYAML's errors, and KeyError, IndexError and others from malformed tags and numbers
        raise ValueError(_reason(error)) from error
    return value


def _check(text: str) -> None:
    """Reject aliases, which can expand exponentially, and deep nesting, whose cost in PyYAML is quadratic."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            problem = "it uses an alias (*name), repeat the value instead"
        elif depth > MAX_DEPTH:
            problem = f"it is more than {MAX_DEPTH} levels deep"
        else:
            continue
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _reason(error: Exception) -> str:
    """The reason without the offending line, which is untrusted."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or f"{type(error).__name__}: {error}"
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    printable = "".join(c if c.isprintable() else " " for c in str(problem))
    return " ".join(printable.split())[:200] + place


def front_matter(card: str) -> tuple[dict[str, Any], str, str]:
    """Split a card: its front matter as a mapping (empty if malformed or too long) and as text, and the body."""
    card = card.replace("\r\n", "\n")
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(\n|\Z)", card, flags=re.DOTALL)
    if match is None:
        return {}, "", card
    try:
        front = read_yaml(match[1]) if len(match[1]) <= MAX_FRONT else {}
    except ValueError:
        front = {}
    return (front if isinstance(front, dict) else {}), match[1], card[match.end() :]
