"""The entry point: finds and runs the command, and turns every failure into one line and an exit code.

The words before the command are parsed here, so that `mmzoo --help` imports neither typer nor any command.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmzoo.cli.output import note, one_line, say
from mmzoo.errors import MmzooError, UsageError

INTERRUPTED = 130

USAGE = "Usage: mmzoo [--debug] COMMAND [ARGS]..."
ABOUT = "A zoo of multimodal generative models, built from typed components that plugins supply."
OPTIONS = (
    ("-h, --help", "Show this help, or that of a command."),
    ("-V, --version", "Show the version."),
    ("--debug", "Show the traceback of an error (also MMZOO_DEBUG=1)."),
)
EPILOG = (
    ("0", "done"),
    ("1", "failed, with one line on standard error that says why"),
    ("2", "wrong usage, name, configuration or input"),
    ("3", "network or Hub failure"),
    ("130", "interrupted"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `mmzoo` with these arguments (the process's own by default) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = os.environ.get("MMZOO_DEBUG", "") not in ("", "0")
    while words and words[0] == "--debug":
        debug = True
        words.pop(0)
    _open_streams()
    with warnings.catch_warnings():
        warnings.formatwarning = _one_line_warning
        try:
            code = _dispatch(words)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            # The reader of our output has closed the pipe, as in `mmzoo list | head`.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (KeyboardInterrupt, Exception) as error:
            if debug:
                traceback.print_exc()
            text, code = _explained(error, debug)
            note(text)
            return code


def _open_streams() -> None:
    """Make the standard streams usable: open, and able to print every character, if only as an escape."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller, as by `>&-`
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[0] == "help":
            return _run(words[1], ["--help"])
        say(help_text())
        return 0
    if words[0] in ("-V", "--version"):
        import mmzoo

        print(f"mmzoo {mmzoo.__version__}")
        return 0
    if words[0].startswith("-"):
        raise UsageError(f"There is no option {words[0]!r} before the command; `mmzoo --help` shows the options.")
    return _run(words[0], words[1:])


def _run(name: str, arguments: list[str]) -> int:
    from mmzoo.cli.commands import find_command, typed
    from mmzoo.cli.light import LightCommand
    from mmzoo.registry.targets import load_target

    spec = find_command(name)
    target, program = load_target(spec), f"mmzoo {typed(spec)}"
    if isinstance(target, LightCommand):
        return target.main(arguments, program)
    result = _typer_command(target).main(arguments, prog_name=program, standalone_mode=False)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _typer_command(target: Any) -> Any:
    """A typer command from a function with typer's annotations, or from a `typer.Typer`."""
    import typer
    from typer.main import get_command

    if isinstance(target, typer.Typer):
        app = target
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command()(target)
    command = get_command(app)
    command.context_settings.setdefault("help_option_names", ["-h", "--help"])
    return command


# --- failures ----------------------------------------------------------------------------------------


def _explained(error: BaseException, debug: bool) -> tuple[str, int]:
    """What to print about an error, and the exit code."""
    typer = sys.modules.get("typer")
    if isinstance(error, KeyboardInterrupt) or (typer is not None and isinstance(error, typer.Abort)):
        return "interrupted", INTERRUPTED
    if isinstance(error, MmzooError):
        return f"error: {one_line(error)}", error.exit_code
    if callable(format_message := getattr(error, "format_message", None)):  # a usage error raised by typer
        context = getattr(error, "ctx", None)
        hint = f" (`{context.command_path} --help` shows the usage)" if context is not None else ""
        return f"error: {one_line(format_message())}{hint}", int(getattr(error, "exit_code", 2))
    hint = "" if debug else " (run `mmzoo --debug ...` for the traceback)"
    return f"error: {type(error).__name__}: {one_line(error)}{hint}", 1


def _one_line_warning(message: Warning | str, *_: Any, **__: Any) -> str:
    return f"warning: {one_line(message)}\n"


# --- help --------------------------------------------------------------------------------------------


def help_text() -> str:
    """What `mmzoo --help` prints: commands with their summaries, options and exit codes."""
    from mmzoo.cli.commands import all_commands, typed

    commands = [(typed(spec), one_line(spec.summary)) for spec in all_commands()]
    sections = (("Commands", commands), ("Options", OPTIONS), ("Exit codes", EPILOG))
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    blocks = [USAGE, ABOUT, *(f"{title}:\n{_rows(rows, width)}" for title, rows in sections)]
    return "\n\n".join([*blocks, "`mmzoo COMMAND --help` describes a command."])


def _rows(rows: Sequence[tuple[str, str]], width: int) -> str:
    margin = min(max(len(left) for left, _ in rows), 24) + 4
    return "\n".join(
        textwrap.fill(right, width, initial_indent=f"  {left}".ljust(margin), subsequent_indent=" " * margin)
        for left, right in rows
    )


if __name__ == "__main__":
    sys.exit(main())
