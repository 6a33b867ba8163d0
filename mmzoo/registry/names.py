"""How names are written, ordered, matched and suggested."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
NAME_RULE = "letters, digits, '-' and '_', starting with a letter or digit"


def normalized(distribution: str) -> str:
    """The name of a distribution as package indexes compare it: `Mmzoo_TTS` is `mmzoo-tts`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sorting key by which dit-9 comes before dit-12."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def split_qualifier(name: str) -> tuple[str | None, str]:
    """`distribution:name` in two; None when there is no qualifier."""
    distribution, colon, bare = name.rpartition(":")
    return (distribution, bare) if colon else (None, bare)


def split_tag(name: str) -> tuple[str, str | None]:
    """`name.tag` in two, with the qualifier left where it is: `a.b:name.tag` is (`a.b:name`, `tag`)."""
    distribution, colon, bare = name.rpartition(":")
    base, dot, tag = bare.partition(".")
    return f"{distribution}{colon}{base}", tag if dot else None


def suggestions(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """At most three known names that the writer may have meant, the likeliest first."""
    names = sorted(set(known), key=natural)
    lowered = {other.lower(): other for other in names}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=most, cutoff=0.6)
    found = [lowered[other] for other in close]
    if len(name) >= 3:
        found += [other for other in names if name.lower() in other.lower() and other not in found]
    return found[:most]


def did_you_mean(found: Iterable[str]) -> str:
    """` did you mean 'a' or 'b'?`, or nothing."""
    quoted = [repr(name) for name in found]
    if not quoted:
        return ""
    listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return f"did you mean {listed}?"


def show(value: object, limit: int = 60) -> str:
    """The repr of a user's value on one line, shortened."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
