"""Strangers' text, as it may be shown: names, summaries and errors of plugins, and what configs of model repos say."""

from __future__ import annotations

import re
import unicodedata

OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that a terminal may obey instead of show."""
TOKENS = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abpr]-[A-Za-z0-9-]{10,})"
)
"""What looks like a token of a service, to be hidden wherever text is shown or published."""


def plain(text: object) -> str:
    """Text in which control and formatting characters (escapes, overrides of direction) are written as `\\x1b`.

    Line breaks and tabs stay; what is printed on one line is joined by its caller. A token, typed by mistake or told by
    a server, is hidden.
    """
    text = TOKENS.sub("***", str(text))
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in OBEYED else _written(c) for c in text)


def _written(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if ord(character) > 127 else repr(character)[1:-1]


def one_line(told: object) -> str:
    """`plain` text without line breaks."""
    return plain(" ".join(str(told).split()))
