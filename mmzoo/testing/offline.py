"""Blocks the network, and records attempts to reach it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
REACHES = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
"""Events that contact an address, and the index of the argument that holds it."""
_watching: list[list[str]] = []
_hooked = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: Python calls it for every use of a socket, however the code obtained it."""
    if not _watching or (event not in LOOKUPS and event not in REACHES):
        return
    target = arguments[REACHES.get(event, 0)]
    if event in REACHES and not isinstance(target, tuple):  # a Unix socket, or already connected
        return
    host = target[0] if isinstance(target, tuple) else target
    _watching[-1].append(host.decode(errors="replace") if isinstance(host, bytes) else str(host))
    raise OSError(f"the network is disabled while a plugin is checked: {_watching[-1][-1]}")


@contextmanager
def offline() -> Iterator[list[str]]:
    """Within the context, host lookups, connections and sends fail with OSError; yields the list of attempted hosts.

    Unix sockets still work.
    """
    global _hooked
    if not _hooked:
        sys.addaudithook(_refuse)  # cannot be removed; does nothing outside the context
        _hooked = True
    tried: list[str] = []
    _watching.append(tried)
    try:
        yield tried
    finally:
        _watching.pop()
