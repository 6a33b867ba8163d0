"""Checks for everything registered: summary, no network, config survives JSON, unknown keys are rejected."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from mmzoo.composition import Part, make_part
from mmzoo.errors import ConfigError, MmzooError, PluginError, UnknownKeyError
from mmzoo.interfaces import Port, Ports
from mmzoo.registry import catalog, load_target
from mmzoo.registry.specs import ComponentSpec
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.offline import offline

NONSENSE = "no_such_key_7"
_reached: dict[str, list[str]] = {}
"""Hosts that each module tried to reach when it was first imported."""


class RegisteredTrial(ABC):
    """A registered name under one config, and the checks that are the same for every kind."""

    def __init__(self, kind: str, name: str, config: Mapping[str, Any]) -> None:
        self.kind, self.name, self.config = kind, name, dict(config)
        self.label = f"{kind} {name!r}"

    @abstractmethod
    def checks(self) -> Checks:
        """All checks by name, prerequisites first. Nothing is looked up or imported yet."""

    @property
    def spec(self) -> ComponentSpec:
        """Its registration."""
        return catalog().component(self.kind, self.name)

    @property
    def module(self) -> str:
        """The name of its module."""
        return self.spec.target.partition(":")[0]

    def load(self) -> Any:
        """The registered object. Its module is imported offline, whichever check needs it first."""
        first = self.module not in sys.modules
        with offline() as tried:
            try:
                return load_target(self.spec)
            finally:
                if first:
                    _reached[self.module] = tried

    def part_of(self, config: Mapping[str, Any]) -> Part:
        """Its class with a config, which is checked."""
        self.load()
        return make_part(self.kind, self.kind, {**config, "name": self.name})

    @cached_property
    def part(self) -> Part:
        """Its class with the config under test."""
        return self.part_of(self.config)

    @property
    def ports(self) -> Ports:
        """The ports that it declares, which must not change between calls."""
        ports = self.part.ports()
        require(ports == self.part.ports(), f"{self.label} declares different ports on the second call of `ports`.")
        return ports

    def port(self, side: str, name: str) -> Port:
        """One declared port. side: `inputs` or `outputs`."""
        declared: Port | None = getattr(self.ports, side).get(name)
        if declared is None:
            raise ConformanceError(
                f"{self.label} declares no port {name!r} among its {side}; return it from the classmethod `ports`."
            )
        return declared

    def width(self, name: str) -> int:
        """The width that an input port declares."""
        width = self.port("inputs", name).width
        if width is None:
            raise ConformanceError(
                f"{self.label} must declare the width of its port {name}, so that `create` can check it."
            )
        return width

    def check_registration(self) -> None:
        """It can be looked up and imported, and its summary is one line of text."""
        require_summary(self.label, self.spec.summary)
        self.load()

    def check_import(self) -> None:
        """Its module is imported without a network."""
        with suppress(Exception):  # other checks report a failing import
            self.load()
        refuse_reaching(self.label, _reached.get(self.module, []), f"its module {self.module} is imported")

    def check_config(self) -> None:
        """The config survives a JSON round trip, and the config that the component reports reproduces itself."""
        try:
            part = self.part_of(self.config)
        except UnknownKeyError:
            raise
        except ConfigError as error:
            raise ConformanceError(
                f"{self.label} cannot be built ({str(error).rstrip('.')}); register it with small configs,"
                " trials=[...]."
            ) from error
        require_json(part.config, f"The config of {self.label}")
        again = self.part_of(part.config)
        require(again.config == part.config, f"The config that {self.label} reports does not reproduce itself.")

    def check_unknown_keys(self) -> None:
        """An unknown key is rejected with an error that names it."""
        try:
            self.part_of({**self.config, NONSENSE: 1})
        except UnknownKeyError as error:
            if NONSENSE not in error.path:  # another unknown key: the caller's mistake
                raise
        except PluginError as error:
            raise ConformanceError(f"{self.label} does not reject unknown keys: {error}") from error
        except MmzooError as error:
            raise ConformanceError(f"{self.label} raises the wrong error for an unknown key: {error}") from error
        else:
            raise ConformanceError(f"{self.label} accepts the unknown key {NONSENSE}; it must raise UnknownKeyError.")


def require_summary(label: str, summary: str) -> None:
    """Raise ConformanceError unless the summary is one line of text."""
    text = summary.strip()
    require(
        bool(text) and len(text.splitlines()) == 1 and text.isprintable(),
        f"{label} is registered with the summary {summary!r}; one line of printable text was expected.",
    )


def require_json(value: Any, what: str) -> None:
    """Raise ConformanceError unless the value survives a JSON round trip."""
    restored = json.loads(json.dumps(value, allow_nan=False))
    require(restored == value, f"{what} changes when written as JSON and read back.")


def refuse_reaching(label: str, tried: list[str], when: str) -> None:
    """Raise ConformanceError if any host was contacted."""
    require(
        not tried,
        f"{label} tries to reach {', '.join(dict.fromkeys(tried))} while {when}; plugins must not use the network,"
        " because mmzoo downloads the weights.",
    )


@contextmanager
def staying_offline(label: str) -> Iterator[None]:
    """Raise ConformanceError if the block contacts a host. Its other errors are left to other checks."""
    with offline() as tried:
        try:
            yield
        except Exception:
            if not tried:
                return
    refuse_reaching(label, tried, "it is built or used")
