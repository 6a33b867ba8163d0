"""How many of torch's threads the verbs of a model use: one, and in longer work as many as there are idle cores.

torch's threads wait for each other at every operation. Beside another busy process one of them often has no core, and
all others wait for it, spinning: two threads are then several times slower than one. So a verb starts on one thread.
Every tenth of a second the load of the machine is measured, and the verb goes on with as many threads as there are
cores that no other process needs, but never more than `torch.set_num_threads` or OMP_NUM_THREADS allows.

Nothing here imports torch: exported models run without it.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

WINDOW_S = 0.1
"""Time over which the load is measured."""
FORGOTTEN_S = 1.0
"""Time without a verb after which the load is unknown again."""
TOLERANCE = 0.3
"""Fraction of a core that may be busy while all count as idle: small processes always run, and clocks are coarse."""
UNPACED = frozenset({"training_step", "examples"})
"""Methods of a head that are no verbs: they run on the threads of whoever trains."""


def read_clocks() -> tuple[float, float]:
    """Seconds since some start, and processor seconds since then that were idle or this process's own."""
    import psutil

    times = psutil.cpu_times(percpu=True)
    if hasattr(os, "sched_getaffinity") and len(allowed := os.sched_getaffinity(0)) < len(times):
        times = [one for core, one in enumerate(times) if core in allowed]
    idle = sum(one.idle + getattr(one, "iowait", 0.0) for one in times)
    return time.monotonic(), idle + time.process_time()


class _Load:
    """What is known of the load of the machine.

    Attributes:
        cores: The cores that this process may use without taking them from another; None if that cannot be measured.
    """

    def __init__(self) -> None:
        self.cores: int | None = 1
        self._last: tuple[float, float] | None = None
        self._left = 0.0

    def resume(self) -> None:
        """Forget what was measured long ago."""
        if time.monotonic() - self._left > FORGOTTEN_S:
            self.cores, self._last = 1, None

    def leave(self) -> None:
        """Remember when the last verb ended."""
        self._left = time.monotonic()

    def measure(self) -> None:
        """Measure, if the last time was long enough ago."""
        if self.cores is None or (self._last is not None and time.monotonic() - self._last[0] < WINDOW_S):
            return
        try:
            now = read_clocks()
        except Exception:  # psutil has many for systems that hide their load
            self.cores = None
            return
        if self._last is not None:
            seconds, available = (new - old for new, old in zip(now, self._last, strict=True))
            self.cores = max(1, int(available / seconds + TOLERANCE))
        self._last = now


class _Verb(threading.local):
    """The verb that a Python thread is in.

    Attributes:
        limit: torch's threads outside of it; 0 outside of verbs.
        off: Whether verbs leave torch's threads alone.
    """

    limit = 0
    off = False


_load, _verb = _Load(), _Verb()


def adjust() -> None:
    """Inside a verb, set torch's threads by the load; also called where a component begins, for long work."""
    if not _verb.limit:
        return
    torch = sys.modules["torch"]
    _load.measure()
    threads = _verb.limit if _load.cores is None else min(_verb.limit, _load.cores)
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)


@contextmanager
def _in_verb(torch: Any) -> Iterator[None]:
    _verb.limit = torch.get_num_threads()
    _load.resume()
    try:
        adjust()
        yield
    finally:
        torch.set_num_threads(_verb.limit)
        _verb.limit = 0
        _load.leave()


@contextmanager
def unpaced() -> Iterator[None]:
    """Leave torch's threads alone in the block, also in verbs."""
    before, _verb.off = _verb.off, True
    try:
        yield
    finally:
        _verb.off = before


def paced(verb: Callable[P, R]) -> Callable[P, R]:
    """The same function, with torch's threads set by the load while it, or its generator, computes."""

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        torch = sys.modules.get("torch")
        if torch is None or torch.compiler.is_compiling():
            return verb(*args, **kwargs)
        if _verb.limit:
            adjust()
            result = verb(*args, **kwargs)
        elif _verb.off or torch.get_num_threads() == 1:
            return verb(*args, **kwargs)
        else:
            with _in_verb(torch):
                result = verb(*args, **kwargs)
        return _each(result, torch) if isinstance(result, GeneratorType) else result  # type: ignore[return-value]

    return run


def _each(values: Generator[Any, Any, Any], torch: Any) -> Generator[Any, None, Any]:
    """The values of a generator, each computed as in a verb."""
    try:
        while True:
            if _verb.limit or _verb.off or torch.get_num_threads() == 1:
                value = next(values)
            else:
                with _in_verb(torch):
                    value = next(values)
            yield value
    except StopIteration as end:
        return end.value
    finally:
        values.close()
