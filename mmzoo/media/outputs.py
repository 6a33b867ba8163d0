"""Where results are written: paths, checked before slow work and then replaced atomically, and open files."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError
from mmzoo.system import write_whole

DEVICES = (Path("/dev"), Path("/dev/fd"))


def check_output(path: str | os.PathLike[str], formats: Sequence[str], format: str | None = None) -> Path:
    """The path, if a file of one of these formats can be written there; for checking before slow work.

    Args:
        path: The file; its suffix, in either case, is the format unless one is given.
        formats: The formats that are possible.
        format: The format, whatever the suffix.

    Raises:
        InputError: The suffix is unknown, the name is too long or holds a NUL, the path is a folder, or its folder is
            missing or cannot be written to.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"The output must be a path or an open binary file, not {type(path).__name__}.")
    where = Path(os.fsdecode(path))
    if format is not None:
        format_of(format, formats)
    elif where.suffix[1:].lower() not in formats:
        raise InputError(f"Cannot write {_shown(where)}: the name must end in {_listed(formats)}.")
    check_writable(where)
    return where


def check_writable(where: Path) -> None:
    """Raise InputError if no file can be written there."""
    name, folder = _shown(where), _shown(where.parent)
    try:
        found = where.stat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot write {name}: {reason}; choose another path.") from error
    device = where.absolute().parent in DEVICES  # a link to a regular file if standard output is redirected
    if found is not None and (device or not stat.S_ISREG(found.st_mode)):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise InputError(f"Cannot write {name}: it is {what}; choose another path.")
    where = followed(where)
    if not where.parent.is_dir():
        raise InputError(f"Cannot write {name}: the folder {folder} does not exist; create it first.")
    try:
        with tempfile.TemporaryFile(dir=where.parent):  # permissions alone do not tell, for root or a full disk
            pass
    except OSError as error:
        raise InputError(
            f"Cannot write {name}: nothing can be written to the folder {folder} ({error.strerror})."
        ) from error


def followed(path: Path) -> Path:
    """The file that a link points to, which is written instead of replacing the link."""
    return Path(os.path.realpath(path))


def format_of(given: Any, formats: Sequence[str]) -> str:
    """A format by its name, in either case and with or without a dot. Raises InputError."""
    format = given.lower().removeprefix(".") if isinstance(given, str) else given
    if format not in formats:
        raise InputError(f"format must be one of {', '.join(formats)}, not {given!r}.")
    return str(format)


def save(target: Any, format: str | None, formats: Sequence[str], encode: Callable[[str], bytes]) -> Any:
    """Write a file, atomically if the target is a path.

    Args:
        target: A path or an open binary file.
        format: The format; None for that of the suffix.
        formats: The formats that are possible.
        encode: Returns the content in a format.

    Returns:
        The path as a Path, or the open file.

    Raises:
        InputError: Nothing can be written there, the format is unknown, or an open file has no format and no name.
    """
    if hasattr(target, "write"):
        if format is None:
            name = getattr(target, "name", None)
            suffix = Path(name).suffix if isinstance(name, str) else ""
            if not suffix:
                raise InputError(f"An open file has no suffix; give format=, one of {', '.join(formats)}.")
            format = suffix
        content = encode(format_of(format, formats))
        try:
            target.write(content)
        except TypeError as error:
            raise InputError("The file is open as text; open it in binary mode, 'wb'.") from error
        except ValueError as error:  # it is closed, or open for reading
            raise InputError(f"Cannot write to the open file: {error}; open it for writing, 'wb'.") from error
        return target
    path = check_output(target, formats, format)
    write(path, encode(format_of(format or path.suffix, formats)))
    return path


def write(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises InputError."""
    try:
        write_whole(followed(path), content)
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror or error}; choose another path.") from error


def _shown(path: Path) -> str:
    return str(path)[:200].replace("\0", "\\0")


def _listed(formats: Sequence[str]) -> str:
    return f"{', '.join(f'.{format}' for format in formats[:-1])} or .{formats[-1]}"
