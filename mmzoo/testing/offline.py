"""No network: attempts to reach it are refused and remembered."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOOKS_UP = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
REACHES = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
"""Which argument of these is the address."""
_watching: list[list[str]] = []
_hooked = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: Python itself tells it of every use of a socket, whichever way the code came by it."""
    if not _watching or (event not in LOOKS_UP and event not in REACHES):
        return
    target = arguments[REACHES.get(event, 0)]
    if event in REACHES and not isinstance(target, tuple):  # this machine's own file system, or connected already
        return
    told = target[0] if isinstance(target, tuple) else target
    _watching[-1].append(told.decode(errors="replace") if isinstance(told, bytes) else str(told))
    raise OSError(f"the network is switched off while a plugin is checked: {_watching[-1][-1]}")


@contextmanager
def offline() -> Iterator[list[str]]:
    """Inside, looking up a host, connecting or sending to it fails with OSError; the list tells which were tried.

    Sockets of this machine's own file system are left alone.
    """
    global _hooked
    if not _hooked:
        sys.addaudithook(_refuse)  # it stays, since none can be taken away, and does nothing outside
        _hooked = True
    tried: list[str] = []
    _watching.append(tried)
    try:
        yield tried
    finally:
        _watching.pop()
