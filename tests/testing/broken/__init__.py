"""Deliberate breaks of every kind: things that are sound but for one thing, which one check of the kit must notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

COMPILERS = ("export", "compile", "inductor")


@dataclass(frozen=True)
class Break:
    """Something broken. check: the first that must fail. told: a word of what it says. details: of registering it."""

    what: Any
    check: str
    told: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.check}-{self.what.__name__}"


@dataclass
class Breaks:
    """The breaks of a kind, and what is sound. config: under which all are tried; trial: the rest of a head's."""

    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    trial: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[tuple[str, str, Any, dict[str, Any]], ...] = ()
    elsewhere: tuple[str, ...] = ()
    sound: Any = None
    found: list[Break] = field(default_factory=list)

    def __call__(self, check: str, told: str, **details: Any) -> Callable[[Any], Any]:
        """A decorator for what must first fail in this check."""

        def keep(what: Any) -> Any:
            self.found.append(Break(what, check, told, details))
            return what

        return keep
