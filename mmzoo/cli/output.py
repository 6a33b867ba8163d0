"""How commands print: JSON, a table on a terminal, tab-separated lines in a pipe.

Names, summaries and errors come from plugins and model repos, which are not trusted: all output goes through `plain`.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from mmzoo.safe_text import OBEYED, TOKENS, one_line, plain

__all__ = ["note", "one_line", "plain", "print_json", "print_table", "say", "say_row"]


def say(text: str = "") -> None:
    """Print text to standard output; pass untrusted text through `one_line` first."""
    print(plain(text))


def say_row(*cells: object) -> None:
    """Print one line to standard output, with cells separated by tabs."""
    print("\t".join(map(one_line, cells)))


def note(text: str) -> None:
    """Print a remark to standard error, where it does not mix with the data."""
    print(plain(text), file=sys.stderr)


def print_json(data: Any) -> None:
    """Print indented JSON to standard output, with control characters escaped."""
    escaped = "utf" not in (sys.stdout.encoding or "").lower()
    text = TOKENS.sub("***", json.dumps(data, indent=2, ensure_ascii=escaped, default=str))
    safe = (c if c == "\n" or unicodedata.category(c) not in OBEYED else json.dumps(c)[1:-1] for c in text)
    print("".join(safe))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on a terminal, or tab-separated lines without a header in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            say_row(*row)
        return
    rows = [[one_line(cell) for cell in row] for row in rows]
    # Imported here because rich takes longer than all the rest of `mmzoo list`.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, header in enumerate(headers):
        # Names are for copying, so they are never cut or folded.
        table.add_column(header, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)
