"""Runs a function in several processes."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import current_process, get_context, parent_process
from threading import Thread
from typing import TypeVar

from mmzoo.errors import DataError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4
"""Tasks given to a process before its results are asked for."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_log = logging.getLogger("mmzoo.datasets")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let new processes compute with one thread each; their libraries read this when they are imported."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


UNGUARDED = 'the script does not begin its work below `if __name__ == "__main__":`'


class EndedEarlyError(DataError):
    """Processes ended before their work was done."""


@contextmanager
def pool_of(workers: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of new processes, as many as there are cores by default, which end when this process does.

    Raises:
        EndedEarlyError: They could not be started, or were killed.
    """
    check_guarded()
    try:
        with ProcessPoolExecutor(workers or os.cpu_count(), get_context("spawn"), initializer=_end_with_parent) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise EndedEarlyError(f"Other processes ended early: memory ran out, or {UNGUARDED}.") from error


def check_guarded() -> None:
    """Raises RuntimeError in a process that runs its parent's script again, and would do the same work."""
    if getattr(current_process(), "_inheriting", False):
        raise RuntimeError(f"No process can be started here: {UNGUARDED}.")


def _end_with_parent() -> None:
    """End this process when its parent is gone: a pool whose parent was killed would wait for tasks forever."""

    def wait() -> None:
        if (parent := parent_process()) is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


def in_processes(function: Callable[[T], R], tasks: Iterable[T], count: int, *, few: int = 1) -> Iterator[R]:
    """The results of a function, in the order of its tasks, on all cores.

    Args:
        function: Can be pickled.
        tasks: Its arguments; only some are held at a time.
        count: The number of tasks.
        few: So many tasks or fewer run in this process.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    rest = iter(tasks)
    workers = min(count, os.cpu_count() or 1)
    if count > few and workers > 1:
        check_guarded()
        try:
            with _one_thread(), pool_of(workers) as pool:

                def submit(number: int) -> None:
                    waiting.extend((task, pool.submit(function, task)) for task in islice(rest, number))

                submit(AHEAD * workers)
                while waiting:
                    result = waiting[0][1].result()
                    waiting.popleft()
                    submit(1)
                    yield result
        except EndedEarlyError as error:
            _log.warning("%s Going on in one process.", error)
    yield from map(function, [task for task, _ in waiting])
    yield from map(function, rest)
