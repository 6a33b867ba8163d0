"""What commands that make something share: the files they read, where the result goes, and the seed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from mmzoo.errors import InputError
from mmzoo.interfaces.values import Audio, Image
from mmzoo.media import outputs, pictures, sounds
from mmzoo.media.sources import LARGEST_STREAM
from mmzoo.safe_text import one_line

STANDARD = "-"
"""The path that means standard input or standard output."""
FORMATS: dict[type[Audio] | type[Image], tuple[str, ...]] = {Audio: sounds.FORMATS, Image: pictures.FORMATS}
RANDOM = "random"

Seed = Annotated[str, typer.Option("--seed", help="Seed of the initial noise; `random` draws one and prints it.")]
Engine = Annotated[
    str | None, typer.Option("--engine", help="torch, or onnx: onnxruntime, which starts faster; exports on first use.")
]
Device = Annotated[str, typer.Option("--device", help="Where to run the model, such as `cpu`, `cuda:0` or `mps`.")]


def seed_option(text: str) -> int | None:
    """The seed of `--seed`; None for `random`. Raises InputError."""
    if text == RANDOM:
        return None
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--seed must be an integer or `{RANDOM}`, not {text[:40]!r}.") from None


def input_file(path: Path) -> Any:
    """What to pass to a model for a path: the path itself, or the content of standard input for `-`.

    Raises:
        InputError: Standard input is closed, or holds nothing, which is also so when it has been read before.
    """
    if str(path) != STANDARD:
        return path
    if sys.__stdin__ is None:
        raise InputError("Standard input is closed; give the path of a file.")
    content = io.BytesIO(sys.stdin.buffer.read(LARGEST_STREAM + 1))
    if not content.getbuffer():
        raise InputError("Standard input holds nothing more; `-` can stand for only one file.")
    content.name = "standard input"
    return content


class Output:
    """Where a command writes its result: a file, or standard output for `-`. It is checked before any work.

    Args:
        path: The file; its suffix is the format. Standard output gets WAV or PNG.
        kinds: What the result may be: Audio, Image or both.

    Raises:
        InputError: Nothing can be written there.
    """

    def __init__(self, path: Path, *kinds: type[Audio] | type[Image]) -> None:
        self.path, self.standard = path, str(path) == STANDARD
        if not self.standard:
            outputs.check_output(path, [format for kind in kinds for format in FORMATS[kind]])
        elif sys.__stdout__ is None:
            raise InputError("Standard output is closed; give the path of a file.")
        elif sys.stdout.isatty():
            raise InputError("Standard output is a terminal; redirect it to a file or a pipe.")

    def require(self, kind: type[Audio] | type[Image], model: str) -> None:
        """Raise InputError if the suffix is not one of what the model makes."""
        if not self.standard and self.path.suffix[1:].lower() not in FORMATS[kind]:
            what = "speech" if kind is Audio else "a picture"
            suffixes = ", ".join(f".{format}" for format in FORMATS[kind])
            raise InputError(f"{model} makes {what}, {suffixes}, not {self.path.suffix}; rename {self.path}.")

    def save(self, result: Audio | Image) -> None:
        """Write the result. Raises InputError, or OSError if standard output fails."""
        if not self.standard:
            result.save(self.path)
            return
        content = io.BytesIO()
        result.save(content, format=FORMATS[type(result)][0])
        sys.stdout.buffer.write(content.getvalue())
        sys.stdout.buffer.flush()

    def report(self, summary: str, notes: Iterable[str] = (), *, aside: bool = False) -> None:
        """Print one line about the result, after it was saved, and notes on standard error.

        Everything goes to standard error if the result is on standard output. If nobody reads it any more, the result
        is kept all the same.

        Args:
            summary: What was made.
            notes: What the result says about itself.
            aside: Whether the line goes to standard error because something else is on standard output.
        """
        for note in notes:
            _print(f"note: {note}", sys.stderr)
        name = "standard output" if self.standard else self.path
        _print(f"{name}: {summary}", sys.stderr if self.standard or aside else sys.stdout)


class TextOutput:
    """Where a command writes a text about its result: a file, or standard output for `-`. Checked like `Output`.

    Args:
        path: The file, with any suffix.
        option: The option that names it, for messages.

    Raises:
        InputError: Nothing can be written there.
    """

    def __init__(self, path: Path, option: str) -> None:
        self.path, self.standard = path, str(path) == STANDARD
        try:
            if not self.standard:
                outputs.check_writable(path)
        except InputError as error:
            raise InputError(f"{option}: {error}") from error

    def write(self, text: str) -> None:
        """Write the text as UTF-8. Raises InputError, or OSError if standard output fails."""
        content = text.encode("utf-8", "backslashreplace")
        if self.standard:
            sys.stdout.buffer.write(content)
        else:
            outputs.write(self.path, content)


def _print(text: str, stream: TextIO) -> None:
    try:
        print(one_line(text), file=stream, flush=True)
    except OSError:  # a pipe that nobody reads, or a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
