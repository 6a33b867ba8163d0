"""No network: attempts to reach it are refused and remembered."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


@contextmanager
def offline() -> Iterator[list[str]]:
    """Inside, looking up a host or connecting to it fails with OSError; the list tells which were tried.

    Sockets of this machine's own file system are left alone.
    """
    tried: list[str] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        target = next((a for a in arguments if isinstance(a, str | bytes | tuple)), "?")
        tried.append(str(target[0] if isinstance(target, tuple) else target))
        raise OSError(f"the network is switched off while a plugin is checked: {tried[-1]}")

    class Refusing(socket.socket):
        def connect(self, address: Any) -> None:
            if isinstance(address, tuple):
                refuse(address)
            super().connect(address)

        def connect_ex(self, address: Any) -> int:
            if isinstance(address, tuple):
                refuse(address)
            return super().connect_ex(address)

    with (
        mock.patch.object(socket, "socket", Refusing),
        mock.patch.object(socket, "create_connection", refuse),
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket, "gethostbyname", refuse),
    ):
        yield tried
