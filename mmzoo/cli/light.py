"""Commands that only list things, on argparse.

Typer 0.26 and later import pydantic to read any option; for commands that answer in a tenth of a second that is
most of the time, so these do without typer. All others are plain functions with typer's annotations.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mmzoo.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are exceptions, like everyone else's."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage and exiting."""
        raise UsageError(f"{message} (`{self.prog} --help` shows the usage)")


@dataclass(frozen=True, slots=True)
class LightCommand:
    """A command of which the arguments are declared to an argparse parser.

    about: help, with blank lines between paragraphs. declare: adds arguments. run: gets the parsed ones, returns
    the exit code.
    """

    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    def main(self, arguments: Sequence[str], program: str) -> int:
        """Parse and run. Raises UsageError for arguments that are not declared."""
        parser = Parser(
            program, description=self.about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        self.declare(parser)
        try:
            parsed = parser.parse_args(list(arguments))
        except SystemExit as stop:  # --help was asked and has been printed
            return int(stop.code or 0)
        return self.run(parsed)


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that all listing commands have."""
    parser.add_argument("--json", action="store_true", help="print JSON")
