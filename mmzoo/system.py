"""Atomic file writes, file digests, memory, and the processor's name and features."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_NAME = 255
"""Bytes of the longest file name on usual file systems."""
PARTIAL = ".partial"
"""The end of the names of files and folders that are being written."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Replace a file atomically.

    Args:
        path: The file to write; its folder must exist.

    Yields:
        The path to write to: an empty file beside `path`, private to this thread. It replaces `path` when the block
        ends and is deleted if the block raises.

    Raises:
        OSError: The folder is not writable.
    """
    staged = _staged(path)
    try:
        staged.unlink(missing_ok=True)
        staged.touch(exist_ok=False)  # never through a link that somebody put there
        mode = staged.stat().st_mode & 0o777  # from the umask; safetensors creates its files as 0600
        yield staged
        staged.chmod(mode)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Replace a folder, whose files appear together.

    Args:
        path: The folder; its parent must exist.

    Yields:
        The folder to write to, empty and private to this thread. It replaces `path` when the block ends and is deleted
        if the block raises.

    Raises:
        OSError: The parent is not writable.
    """
    staged = _staged(path)
    try:
        staged.mkdir()
        yield staged
        if path.exists():
            shutil.rmtree(path)
        staged.rename(path)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _staged(path: Path) -> Path:
    """A name beside `path` that is private to this thread."""
    suffix = f".{os.getpid()}.{threading.get_ident()}{PARTIAL}"
    # A name may have 255 bytes; the staged one must fit too.
    stem = os.fsdecode(os.fsencode(f".{path.name}")[: LONGEST_NAME - len(suffix)])
    return path.with_name(stem + suffix)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes to a file atomically. Raises OSError."""
    with whole_file(path) as staged:
        staged.write_bytes(content.encode() if isinstance(content, str) else content)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def git_blob_hash(path: Path) -> str:
    """Hexadecimal SHA-1 by which git, and so the Hub, identifies the content of a small file."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def cpu_name() -> str:
    """The processor's name."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def cpu_features() -> frozenset[str]:
    """The processor's features as Linux names them, such as `avx2`; empty on other systems."""
    return frozenset((_cpu_line("flags") or _cpu_line("Features")).split())


def _cpu_line(key: str) -> str:
    """The value of the first line of /proc/cpuinfo with this key; empty if there is none."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""


def memory() -> tuple[int, int]:
    """(free, total) bytes of memory for the processes of this machine or container."""
    import psutil

    found = psutil.virtual_memory()
    limit, used = (_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current"))
    if limit and limit < found.total:
        return min(found.available, max(0, limit - used)), limit
    return found.available, found.total


def resident() -> int:
    """Bytes of memory that this process occupies."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _number(path: Path) -> int:
    """The number in a file; 0 if there is none."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def size_text(size: float) -> str:
    """A number of bytes for people to read, such as `12.3 MB`."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"
