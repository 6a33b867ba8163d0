"""The syntax of names, their order, and suggestions for misspelled ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
NAME_RULE = "letters, digits, '-' and '_', starting with a letter or digit"


def normalized(distribution: str) -> str:
    """A distribution's name as package indexes normalize it: `Mmzoo_TTS` becomes `mmzoo-tts`."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which dit-9 comes before dit-12."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def split_qualifier(name: str) -> tuple[str | None, str]:
    """Split `distribution:name`; the distribution is None without a qualifier."""
    distribution, colon, bare = name.rpartition(":")
    return (distribution, bare) if colon else (None, bare)


def split_tag(name: str) -> tuple[str, str | None]:
    """Split `name.tag`, keeping the qualifier: `a.b:name.tag` becomes (`a.b:name`, `tag`)."""
    distribution, colon, bare = name.rpartition(":")
    base, dot, tag = bare.partition(".")
    return f"{distribution}{colon}{base}", tag if dot else None


def suggestions(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` known names that the user may have meant, most likely first."""
    names = sorted(set(known), key=natural)
    lowered = {other.lower(): other for other in names}
    close = [lowered[other] for other in difflib.get_close_matches(name.lower(), list(lowered), n=most, cutoff=0.6)]
    if len(name) >= 3:
        close += [other for other in names if name.lower() in other.lower() and other not in close]
    return close[:most]


def did_you_mean(names: Iterable[str]) -> str:
    """`did you mean 'a' or 'b'?`, or an empty string."""
    quoted = [repr(name) for name in names]
    if not quoted:
        return ""
    listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return f"did you mean {listed}?"


def show(value: object, limit: int = 60) -> str:
    """The repr of a user's value, truncated to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
