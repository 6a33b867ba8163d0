"""YAML that strangers write, recipes and the front matter of cards: safe, without aliases, with one kind of failure."""

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
    """The value of a YAML text. Raises ValueError that says in a few words, on one line, what is wrong."""
    try:
        _check(text)
        found = yaml.load(text, Loader=Loader)  # a SafeLoader
        repr(found)  # fails for an integer so long that no message could tell it
    except Exception as error:  # PyYAML's, and KeyError, IndexError and others that odd tags and numbers lead to
        raise ValueError(_reason(error)) from error
    return found


def _check(text: str) -> None:
    """Refuse what swells, at the first sign of it.

    An alias can double what stands before it, and the next one that. PyYAML's time is the square of the depth.
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
    """Without the line that it happened in, which may hold anything."""
    told = getattr(error, "problem", None) or getattr(error, "reason", None) or f"{type(error).__name__}: {error}"
    mark = getattr(error, "problem_mark", None)
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    printable = "".join(c if c.isprintable() else " " for c in str(told))
    return " ".join(printable.split())[:200] + place


def front_matter(card: str) -> tuple[dict[str, Any], str, str]:
    """The front matter of a card, read and as text, and the rest; read as empty if it is malformed or too long."""
    card = card.replace("\r\n", "\n")
    match = re.match(r"---[ \t]*\n(.*?\n)---[ \t]*(\n|\Z)", card, flags=re.DOTALL)
    if match is None:
        return {}, "", card
    try:
        found = read_yaml(match[1]) if len(match[1]) <= MAX_FRONT else {}
    except ValueError:
        found = {}
    return (found if isinstance(found, dict) else {}), match[1], card[match.end() :]
