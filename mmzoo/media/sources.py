"""Opens what a user gives as a file, finds the cell of a dataset row, and reads array-likes and numbers."""

from __future__ import annotations

import io
import numbers
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmzoo.errors import InputError

LARGEST_STREAM = 1 << 30
"""Most bytes read from an open file or a pipe."""
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/|data:[a-z]+/", re.IGNORECASE)
"""One slash, because a Path keeps no second one."""


def is_file(given: Any) -> bool:
    """Whether this is a path, the bytes of a file, or an open file."""
    return isinstance(given, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(given, "read")


@contextmanager
def opened(given: Any, kind: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file for reading.

    Args:
        given: A path, the bytes of a file, or an open binary file, which is read from its beginning if it can seek.
        kind: What the file should hold, for messages: audio or picture.

    Yields:
        A seekable stream, and the file's name for messages.

    Raises:
        InputError: It is a URL, missing, a folder, empty, too long, opened as text, or cannot be read.
    """
    if isinstance(given, str | os.PathLike):
        name = os.fsdecode(given)[:200]
        if _URL.match(name) and not os.path.lexists(given):
            raise InputError(f"{name} is a URL, and mmzoo does not download; save the {kind} as a file first.")
        try:
            path = Path(os.fsdecode(given))
            found = path.stat()
            if stat.S_ISDIR(found.st_mode):
                raise InputError(f"{name or 'The path'} is a folder, not a {kind} file.")
            with path.open("rb") as stream:
                if stat.S_ISREG(found.st_mode):
                    _require_content(found.st_size, name)
                    yield stream, name
                else:
                    yield _buffered(stream, name), name
        except FileNotFoundError as error:
            raise InputError(f"There is no {kind} file at {name or 'an empty path'}.") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise InputError(f"Cannot read {name!r}: {getattr(error, 'strerror', None) or error}.") from error
    elif isinstance(given, bytes | bytearray | memoryview):
        name = f"{kind} of {len(bytes(given)):,} bytes"
        _require_content(len(given), name)
        yield io.BytesIO(given), name
    else:
        label = getattr(given, "name", None)
        name = label if isinstance(label, str) else f"the open {type(given).__name__}"
        yield _buffered(given, name), name


def _buffered(stream: Any, name: str) -> io.BytesIO:
    """The content of an open file."""
    try:
        if getattr(stream, "seekable", lambda: False)():
            stream.seek(0)
        content = stream.read(LARGEST_STREAM + 1)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise InputError(f"Cannot read {name}: {error}.") from error
    if isinstance(content, str):
        raise InputError(f"{name} is open as text; open it in binary mode, 'rb'.")
    _require_content(len(content), name)
    if len(content) > LARGEST_STREAM:
        raise InputError(f"{name} has more than {LARGEST_STREAM:,} bytes; split it.")
    return io.BytesIO(content)


def _require_content(size: int, name: str) -> None:
    if size == 0:
        raise InputError(f"{name} is empty.")


def cell_of(row: Mapping[str, Any], column: str) -> Any:
    """What the cell of a dataset row, or the cell itself, holds: a decoded value, bytes or a path.

    Raises:
        InputError: There is no such column, or its cell is empty.
    """
    cell = row.get(column, row)
    if not isinstance(cell, Mapping):
        held = cell
    elif cell.get("array") is not None and cell.get("sampling_rate") is not None:
        held = (cell["array"], cell["sampling_rate"])
    else:
        held = cell.get("bytes") or cell.get("path")
    if held is None or isinstance(held, list):
        raise InputError(
            f"This row has no {column}; expected a column {column!r} that is decoded or has 'bytes' or 'path'."
        )
    return held


def is_number(given: Any) -> bool:
    """Whether this is a number, or an array or tensor without axes."""
    return isinstance(given, numbers.Number) or getattr(given, "shape", None) == ()


def plain_number(given: Any) -> Any:
    """The Python number in a numpy scalar or in an array or tensor without axes; anything else as it is."""
    return given.item() if getattr(given, "shape", None) == () and hasattr(given, "item") else given


def array_of(given: Any, what: str) -> np.ndarray[Any, Any]:
    """An array-like (a list, a tensor of any dtype and device) as an array. Raises InputError."""
    try:
        if hasattr(given, "detach"):  # a tensor: numpy has no bfloat16
            given = given.detach().cpu()
            given = (given.float() if str(given.dtype) == "torch.bfloat16" else given).numpy()
        array = np.asarray(given)
    except Exception as error:  # whatever another library raises for what it cannot convert
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"{what} must be an array; this {type(given).__name__} cannot become one: {reason}."
        ) from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} must be an array of numbers, not {type(given).__name__} of {array.dtype}.")
    return array
