"""How commands print data: JSON, a table on a terminal, tab-separated lines into a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_json(data: Any) -> None:
    """Indented JSON on the standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people; one line of tab-separated cells per row, without a header, for programs."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(" ".join(cell.split()) for cell in row))
        return
    # Only here: rich costs more than all the rest of `mmzoo list`.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, header in enumerate(headers):
        # The names are what one copies, so they are never cut or folded.
        table.add_column(header, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def note(text: str) -> None:
    """A remark on the standard error, where it does not mix with the data."""
    print(text, file=sys.stderr)
