"""Reads YAML that strangers write (recipes, front matter of cards): safely, without aliases, with one kind of error."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_FRONT = 65_536
"""Characters of a card's front matter; a longer one is not read."""
MAX_DEPTH = 50


class Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.1 without its surprise about `1e-3`, which would be a string."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read_yaml(text: str) -> Any:
    """The value of a YAML text. Raises ValueError with a reason of a few words on one line."""
    try:
        _check(text)
        value = yaml.load(text, Loader=Loader)  # a SafeLoader
        repr(value)  # fails for an integer of more digits than Python writes
    except Exception as error:  # PyYAML's, and KeyError, IndexError and others that odd tags and numbers lead to
        raise ValueError(_reason(error)) from error
    return value


def _check(text: str) -> None:
    """Refuse aliases and deep nesting before they cost anything.

    A chain of aliases grows exponentially, and PyYAML's time is the square of the depth.
    """
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            problem = "it uses an alias (*name), write the value out"
        elif depth > MAX_DEPTH:
            problem = f"it is more than {MAX_DEPTH} levels deep"
        else:
            continue
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _reason(error: Exception) -> str:
    """The reason without the offending line, which may hold anything."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or f"{type(error).__name__}: {error}"
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    printable = "".join(c if c.isprintable() else " " for c in str(problem))
    return " ".join(printable.split())[:200] + place


def front_matter(card: str) -> tuple[dict[str, Any], str, str]:
    """The front matter of a card as a mapping (empty if malformed or too long), its text, and the rest of the card."""
    card = card.replace("\r\n", "\n")
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(\n|\Z)", card, flags=re.DOTALL)
    if match is None:
        return {}, "", card
    try:
        front = read_yaml(match[1]) if len(match[1]) <= MAX_FRONT else {}
    except ValueError:
        front = {}
    return (front if isinstance(front, dict) else {}), match[1], card[match.end() :]
