"""Discovers plugins and loads each in isolation: one that fails becomes a record, never an exception."""

from __future__ import annotations

import contextlib
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
    wanted = normalized(name)
    owners = {r.distribution for r in records if wanted in (normalized(r.distribution), normalized(r.name))}
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
    known = {normalized(name) for record in records for name in (record.name, record.distribution)}
    return [name for name in choices() or () if normalized(name) not in known]


# --- loading -----------------------------------------------------------------------------------------


class Loader:
    """Loads plugins one by one into its own pluggy manager; raises only KeyboardInterrupt.

    MMZOO_PLUGINS selects the plugins; without it, those that `mmzoo plugins disable` switched off are skipped.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._loaded: dict[str, PluginRecord] = {}

    def load_all(self, candidates: Iterable[Candidate]) -> Iterator[tuple[PluginRecord, Register | None]]:
        """The record of each plugin, and what it registered if it loaded."""
        wanted = None if (names := choices()) is None else {normalized(name) for name in names}
        off = switched_off() if wanted is None else frozenset()
        seen: set[tuple[str, str]] = set()
        for candidate in candidates:
            record = candidate.record
            if record.state != "discovered":
                yield record, None
            elif candidate.key in seen or record.target in self._loaded:
                yield replace(record, state="shadowed", error=self._shadow(record)), None
            elif wanted is not None and not wanted & {normalized(record.name), normalized(record.distribution)}:
                yield replace(record, state="disabled", error=f"{CHOICE}={os.environ[CHOICE]} excludes it."), None
            elif normalized(record.distribution) in off:
                hint = f"`mmzoo plugins enable {record.distribution}` switches it on."
                yield replace(record, state="disabled", error=hint), None
            else:
                yield self.load(candidate)
            seen.add(candidate.key)

    def _shadow(self, record: PluginRecord) -> str:
        holder = self._loaded.get(record.target)
        if holder is None:
            return f"{record.distribution} has two entry points named {record.name!r}; only the first is used."
        return f"its module {record.target} is already loaded as the plugin {holder.name!r} of {holder.distribution}."

    def load(self, candidate: Candidate) -> tuple[PluginRecord, Register | None]:
        """Import one plugin and call its hook; what it registered is returned only if nothing failed."""
        record, start = candidate.record, time.perf_counter()
        register = hookspecs.Register(record.distribution, record.version)
        name = "@".join((record.name, record.distribution))
        try:
            # Standard output is for the results of commands, so what a plugin prints goes to standard error.
            with contextlib.redirect_stdout(sys.stderr):
                plugin = candidate.load()
                newer = _newer_api(plugin)
                if newer is None:
                    self._call(plugin, name, register)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # SystemExit too: a plugin must not end the process.
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            outcome = replace(record, state="broken", error=_sentence(error), traceback=traceback.format_exc())
        else:
            outcome = replace(record, state="incompatible" if newer else "loaded", error=newer)
        ms = (time.perf_counter() - start) * 1000
        outcome = replace(outcome, ms=round(ms, 2), supplies=register.supplies())
        if outcome.state != "loaded":
            return outcome, None
        self._loaded[record.target] = outcome
        return outcome, register

    def _call(self, plugin: object, name: str, register: Register) -> None:
        self.manager.register(plugin, name)
        self.manager.check_pending()
        if not self.manager.get_hookcallers(plugin):
            raise PluginError("it implements no hook; decorate its mmzoo_register with @mmzoo.hookimpl.")
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        self.manager.subset_hook_caller("mmzoo_register", others)(register=register)


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


def from_module(module: str, *, distribution: str = LOCAL, name: str | None = None, version: str = "0") -> Candidate:
    """A plugin that is not installed, by module name; for tests and notebooks."""
    record = PluginRecord(name or module.rpartition(".")[2], distribution, version, module)
    return Candidate(record, lambda: importlib.import_module(module))
