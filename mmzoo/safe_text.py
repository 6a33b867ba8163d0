"""Makes untrusted text safe to print: names, summaries and errors of plugins, and configs of model repos."""

from __future__ import annotations

import re
import unicodedata

OBEYED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of characters that a terminal may interpret instead of displaying."""
TOKENS = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}"
    r"|xox[abpr]-[A-Za-z0-9-]{10,})"
)
"""Access tokens, which are hidden wherever text is shown or published."""


def plain(text: object) -> str:
    """Escape control and formatting characters (as in `\\x1b`) and hide tokens; line breaks and tabs stay."""
    text = TOKENS.sub("***", str(text))
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in OBEYED else _written(c) for c in text)


def _written(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode() if ord(character) > 127 else repr(character)[1:-1]


def one_line(text: object) -> str:
    """`plain` text on one line."""
    return plain(" ".join(str(text).split()))
