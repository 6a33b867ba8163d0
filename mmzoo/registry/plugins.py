"""Discovers plugins and loads each in isolation: one that fails becomes a record, never an exception."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING, Literal

import pluggy

from mmzoo import hookspecs
from mmzoo.errors import PluginError, UnknownNameError
from mmzoo.registry.names import did_you_mean, normalized, suggestions
from mmzoo.registry.settings import switched_off

if TYPE_CHECKING:
    from mmzoo.hookspecs import Register

GROUP = "mmzoo"
CHOICE = "MMZOO_PLUGINS"

State = Literal["discovered", "loaded", "broken", "disabled", "shadowed", "incompatible"]


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """The outcome of loading one plugin.

    Args:
        name: Name of the entry point.
        distribution: Name of the distribution.
        version: Version of the distribution.
        target: Module that the entry point names.
        state: The outcome.
        error: One sentence; None if it loaded.
        traceback: Traceback of the exception, if any.
        ms: Milliseconds spent importing and registering.
        supplies: `kind/name` of everything it registered; for a broken plugin, before it failed.
    """

    name: str
    distribution: str
    version: str
    target: str
    state: State = "discovered"
    error: str | None = None
    traceback: str | None = None
    ms: float = 0.0
    supplies: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it failed to load."""
        return self.state in ("broken", "incompatible")

    def is_called(self, name: str) -> bool:
        """Whether its distribution or its entry point has this name."""
        return normalized(name) in (normalized(self.distribution), normalized(self.name))

    @property
    def title(self) -> str:
        """The plugin's name in messages: its distribution, with its entry point if that adds information."""
        redundant = normalized(self.name) in normalized(self.distribution).split("-")
        return self.distribution if redundant else f"{self.name!r} of {self.distribution}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that is not imported yet: its record and a function that imports it."""

    record: PluginRecord
    load: Callable[[], object]

    @property
    def key(self) -> tuple[str, str]:
        """Sort key, so that the loading order is the same on every machine."""
        return normalized(self.record.distribution), self.record.name


# --- discovery ---------------------------------------------------------------------------------------


def discover() -> list[Candidate]:
    """The installed plugins, sorted by distribution and entry point; imports none of them.

    Metadata is read one distribution at a time, because a single malformed file on the path makes
    `importlib.metadata.entry_points()` fail.
    """
    names: dict[str, str] = {}
    for distribution in metadata.distributions():
        with contextlib.suppress(Exception):
            # This check of the raw text skips most packages without parsing.
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or "").replace(" ", ""):
                name = distribution.name
                names.setdefault(normalized(name), name)
    candidates = (candidate for name in names.values() for candidate in _candidates(name))
    return sorted(candidates, key=lambda candidate: candidate.key)


def _candidates(name: str) -> Iterator[Candidate]:
    # The path may hold several copies; Python imports the first.
    distribution = metadata.distribution(name)
    version = "unknown"
    try:
        version = distribution.version or version
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:
        record = PluginRecord(name, name, version, "", "broken", f"its entry points cannot be read: {error}")
        yield Candidate(replace(record, traceback=traceback.format_exc()), lambda: None)
        return
    for point in points:
        yield Candidate(PluginRecord(point.name, name, version, point.value), point.load)


def named(records: Collection[PluginRecord], name: str) -> list[PluginRecord]:
    """All plugins of the distribution that has this name or an entry point of this name. Raises UnknownNameError."""
    owners = {record.distribution for record in records if record.is_called(name)}
    if not owners:
        close = suggestions(name, [known for record in records for known in (record.distribution, record.name)])
        hint = did_you_mean(close) or "`mmzoo plugins` lists the installed ones."
        raise UnknownNameError(f"No plugin {name[:80]!r} is installed; {hint}", name=name, suggestions=close)
    return [record for record in records if record.distribution in owners]


def choices() -> tuple[str, ...] | None:
    """The names in MMZOO_PLUGINS, which selects the plugins to load; None for all if it is unset or names nothing.

    `none` alone selects no plugin.
    """
    names = tuple(name for item in os.environ.get(CHOICE, "").split(",") if (name := item.strip()))
    return () if [name.lower() for name in names] == ["none"] else names or None


def unmatched_choices(records: Collection[PluginRecord]) -> list[str]:
    """The names in MMZOO_PLUGINS that are of no installed plugin."""
    return [name for name in choices() or () if not any(record.is_called(name) for record in records)]


# --- loading -----------------------------------------------------------------------------------------


def load_all(candidates: Iterable[Candidate]) -> Iterator[tuple[PluginRecord, Register | None]]:
    """Load plugins one by one; raises only KeyboardInterrupt.

    MMZOO_PLUGINS selects the plugins; without it, those that `mmzoo plugins disable` switched off are skipped.

    Yields:
        The record of each plugin, and what it registered if it loaded.
    """
    names = choices()
    off = switched_off() if names is None else frozenset()
    seen: set[tuple[str, str]] = set()
    loaded: dict[str, PluginRecord] = {}
    for candidate in candidates:
        record, register = candidate.record, None
        distribution = record.distribution
        if record.state != "discovered":
            pass
        elif holder := loaded.get(record.target):
            owner = f"the plugin {holder.name!r} of {holder.distribution}"
            record = replace(
                record, state="shadowed", error=f"its module {record.target} is already loaded as {owner}."
            )
        elif candidate.key in seen:
            error = f"{distribution} has two entry points named {record.name!r}; only the first is used."
            record = replace(record, state="shadowed", error=error)
        elif names is not None and not any(map(record.is_called, names)):
            record = replace(record, state="disabled", error=f"{CHOICE}={os.environ[CHOICE]} excludes it.")
        elif normalized(distribution) in off:
            hint = f"`mmzoo plugins enable {distribution}` switches it on."
            record = replace(record, state="disabled", error=hint)
        else:
            record, register = load(candidate)
            if register is not None:
                loaded[record.target] = record
        seen.add(candidate.key)
        yield record, register


@functools.cache
def _manager() -> pluggy.PluginManager:
    """The manager in which each plugin is registered alone, while it is loaded."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load(candidate: Candidate) -> tuple[PluginRecord, Register | None]:
    """Import one plugin and call its hook; what it registered is returned only if nothing failed."""
    record, start = candidate.record, time.perf_counter()
    register = hookspecs.Register(record.distribution, record.version)
    manager, name = _manager(), f"{record.name}@{record.distribution}"
    try:
        # Standard output is for the results of commands, so what a plugin prints goes to standard error.
        with contextlib.redirect_stdout(sys.stderr):
            plugin = candidate.load()
            newer = _newer_api(plugin)
            if newer is None:
                manager.register(plugin, name)
                manager.check_pending()
                if not manager.get_hookcallers(plugin):
                    raise PluginError("it implements no hook; decorate its mmzoo_register with @mmzoo.hookimpl.")
                manager.hook.mmzoo_register(register=register)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # SystemExit too: a plugin must not end the process.
        record = replace(record, state="broken", error=_sentence(error), traceback=traceback.format_exc())
    else:
        record = replace(record, state="incompatible" if newer else "loaded", error=newer)
    finally:
        if manager.has_plugin(name):
            manager.unregister(name=name)
    ms = round((time.perf_counter() - start) * 1000, 2)
    record = replace(record, ms=ms, supplies=register.supplies())
    return record, register if record.state == "loaded" else None


def _newer_api(plugin: object) -> str | None:
    version = getattr(plugin, "mmzoo_api_version", hookspecs.PLUGIN_API_VERSION)
    if isinstance(version, bool) or not isinstance(version, int):
        raise PluginError(f"its mmzoo_api_version is {version!r}; it must be an integer.")
    if version <= hookspecs.PLUGIN_API_VERSION:
        return None
    return f"it needs plugin API {version} but this mmzoo has {hookspecs.PLUGIN_API_VERSION}; install a newer mmzoo."


def _sentence(error: BaseException) -> str:
    """The error in one sentence."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) while loading."
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."


LOCAL = "local"
"""The distribution of plugins that are not installed."""


def from_module(module: str) -> Candidate:
    """A plugin that is not installed, by module name; for tests and notebooks."""
    record = PluginRecord(module.rpartition(".")[2], LOCAL, "0", module)
    return Candidate(record, lambda: importlib.import_module(module))
