"""Fast commands that only list things, built on argparse.

Typer 0.26 and later import pydantic to parse options, which takes longer than these commands need for everything else.
All other commands are plain functions with typer's annotations.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mmzoo.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{message} (`{self.prog} --help` shows the usage)")


@dataclass(frozen=True, slots=True)
class LightCommand:
    """A command whose arguments are declared to an argparse parser. Each has the option `--json`.

    Attributes:
        about: The help text, with blank lines between paragraphs.
        run: Runs the command with the parsed arguments and returns the exit code.
        declare: Adds further arguments to a parser.
    """

    about: str
    run: Callable[[argparse.Namespace], int]
    declare: Callable[[argparse.ArgumentParser], None] = lambda parser: None

    def main(self, arguments: Sequence[str], program: str) -> int:
        """Parse the arguments and run the command. Raises UsageError for undeclared arguments."""
        parser = Parser(
            program, description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        self.declare(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")
        try:
            parsed = parser.parse_args(list(arguments))
        except SystemExit as stop:  # --help has been printed
            return int(stop.code or 0)
        return self.run(parsed)
