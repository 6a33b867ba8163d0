"""Guards of a run: one process per run folder, and signals that stop at a step boundary."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from mmzoo.errors import TrainingError

try:
    import fcntl
except ImportError:  # no fcntl on Windows
    fcntl = None  # type: ignore[assignment]


_HELD: set[RunLock] = set()


def _let_go() -> None:
    """Close inherited locks: a worker that survives this process for some seconds must not keep its folder locked."""
    for lock in _HELD:
        lock.close()
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


class RunLock:
    """Holds `<folder>/run.lock` while this process trains there; the system releases it if the process dies."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run.lock"
        self._file: Any = None

    def __enter__(self) -> RunLock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"Cannot write to the run folder {self.path.parent}: {error}; choose another --out."
            ) from error
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = self._holder()
                self._file.close()
                raise TrainingError(
                    f"The run folder {self.path.parent} is in use by {holder}; wait for it or choose another --out."
                ) from error
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._file.flush()
        _HELD.add(self)
        return self

    def _holder(self) -> str:
        try:
            self._file.seek(0)
            holder = json.loads(self._file.read())
            return f"process {holder['pid']} on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def __exit__(self, *_: object) -> None:
        _HELD.discard(self)
        self._file.truncate(0)
        self._file.close()

    def close(self) -> None:
        """Close the file without releasing the lock of the process that took it."""
        self._file.close()


class StopSignals:
    """Records the first SIGTERM or SIGINT until the next step boundary; a second one acts at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._old[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.received = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            with contextlib.suppress(ValueError, TypeError):
                signal.signal(number, handler)
