"""Finding plugins and loading each on its own: one that fails becomes a record, never an exception."""

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
    """What became of one plugin.

    name: of the entry point. target: the module it names. error: one sentence, None if all is well.
    ms: milliseconds that importing and registering took. supplies: `kind/name` of what it registered; for a
    broken plugin, of what it registered before it failed.
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
        """Whether it was to be loaded and could not be."""
        return self.state in ("broken", "incompatible")

    @property
    def title(self) -> str:
        """How messages name this plugin: its distribution, and its entry point where that says more."""
        told = normalized(self.name) in normalized(self.distribution).split("-")
        return self.distribution if told else f"{self.name!r} of {self.distribution}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found but not imported: its record so far and how to import it."""

    record: PluginRecord
    load: Callable[[], object]

    @property
    def key(self) -> tuple[str, str]:
        """By this plugins are sorted, so that the order is the same on every machine."""
        return normalized(self.record.distribution), self.record.name


# --- discovery ---------------------------------------------------------------------------------------


def discover() -> list[Candidate]:
    """The plugins installed in this environment, sorted by distribution and entry point; imports none of them.

    Metadata is read distribution by distribution, because one malformed file anywhere on the path makes
    `importlib.metadata.entry_points()` fail as a whole.
    """
    names: dict[str, str] = {}
    for distribution in metadata.distributions():
        with contextlib.suppress(Exception):
            # Most packages are passed over by this look at the text, without parsing it.
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or "").replace(" ", ""):
                name = distribution.name
                names.setdefault(normalized(name), name)
    return sorted((found for name in names.values() for found in _candidates(name)), key=lambda found: found.key)


def _candidates(name: str) -> Iterator[Candidate]:
    # Several copies may be on the path; the first is the one that Python imports.
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
    """The plugins of this distribution or entry point; of a distribution with several, all. Raises UnknownNameError."""
    wanted = normalized(name)
    found = {r.distribution for r in records if wanted in (normalized(r.distribution), normalized(r.name))}
    if not found:
        close = suggestions(name, [known for record in records for known in (record.distribution, record.name)])
        told = did_you_mean(close) or "`mmzoo plugins` lists those that are."
        raise UnknownNameError(f"No plugin {name[:80]!r} is installed; {told}", name=name, suggestions=close)
    return [record for record in records if record.distribution in found]


def chosen(record: PluginRecord, choice: str | None) -> bool:
    """Whether MMZOO_PLUGINS lets this plugin in: unset is all, `none` is none, else a list of names."""
    if choice is None or not choice.strip():
        return True
    if choice.strip().lower() == "none":
        return False
    wanted = {normalized(item.strip()) for item in choice.split(",")}
    return bool(wanted & {normalized(record.name), normalized(record.distribution)})


def unmatched_choices(records: Collection[PluginRecord], choice: str | None) -> list[str]:
    """The items of MMZOO_PLUGINS that no installed plugin answers to."""
    if not choice or choice.strip().lower() == "none":
        return []
    known = {normalized(name) for record in records for name in (record.name, record.distribution)}
    return [item.strip() for item in choice.split(",") if item.strip() and normalized(item.strip()) not in known]


# --- loading -----------------------------------------------------------------------------------------


class Loader:
    """Loads plugins one by one into its own pluggy manager; never raises, except for KeyboardInterrupt.

    A plugin is left out if MMZOO_PLUGINS does not name it; without MMZOO_PLUGINS, if it was switched off for good.
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self._loaded: dict[str, PluginRecord] = {}

    def load_all(self, candidates: Iterable[Candidate]) -> Iterator[tuple[PluginRecord, Register | None]]:
        """Each plugin's record, and what it registered if it loaded whole."""
        choice = os.environ.get(CHOICE)
        off = frozenset() if choice and choice.strip() else switched_off()
        seen: set[tuple[str, str]] = set()
        for candidate in candidates:
            record = candidate.record
            if record.state != "discovered":
                yield record, None
            elif candidate.key in seen or record.target in self._loaded:
                yield replace(record, state="shadowed", error=self._shadow(record)), None
            elif not chosen(record, choice):
                yield replace(record, state="disabled", error=f"{CHOICE}={choice} leaves it out."), None
            elif normalized(record.distribution) in off:
                told = f"`mmzoo plugins enable {record.distribution}` switches it on."
                yield replace(record, state="disabled", error=told), None
            else:
                yield self.load(candidate)
            seen.add(candidate.key)

    def _shadow(self, record: PluginRecord) -> str:
        holder = self._loaded.get(record.target)
        if holder is None:
            return f"{record.distribution} has two entry points named {record.name!r}; only the first is used."
        return f"its module {record.target} is already the plugin {holder.name!r} of {holder.distribution}."

    def load(self, candidate: Candidate) -> tuple[PluginRecord, Register | None]:
        """Import one plugin and let it register; what it registered counts only if nothing failed."""
        record, start = candidate.record, time.perf_counter()
        register = hookspecs.Register(record.distribution, record.version)
        name = "@".join((record.name, record.distribution))
        try:
            # The standard output belongs to the data of commands; what a plugin prints is chatter.
            with contextlib.redirect_stdout(sys.stderr):
                plugin = candidate.load()
                newer = _newer_api(plugin)
                if newer is None:
                    self._call(plugin, name, register)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # SystemExit too: a plugin must not end the program of someone who only lists models.
            self._forget(name)
            outcome = replace(record, state="broken", error=_sentence(error), traceback=traceback.format_exc())
        else:
            outcome = replace(record, state="incompatible" if newer else "loaded", error=newer)
        took = (time.perf_counter() - start) * 1000
        outcome = replace(outcome, ms=round(took, 2), supplies=register.supplies())
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

    def _forget(self, name: str) -> None:
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)


def _newer_api(plugin: object) -> str | None:
    asked = getattr(plugin, "mmzoo_api_version", hookspecs.PLUGIN_API_VERSION)
    if isinstance(asked, bool) or not isinstance(asked, int):
        raise PluginError(f"its mmzoo_api_version is {asked!r}; an integer was expected.")
    if asked <= hookspecs.PLUGIN_API_VERSION:
        return None
    return f"it needs plugin API {asked} and this mmzoo has {hookspecs.PLUGIN_API_VERSION}; install a newer mmzoo."


def _sentence(error: BaseException) -> str:
    """What happened, in one line."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) while it was loaded."
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__}."


LOCAL = "local"
"""The distribution of what is not installed."""


def from_module(module: str, *, distribution: str = LOCAL, name: str | None = None, version: str = "0") -> Candidate:
    """A plugin that is not installed, by the name of its module: for tests and notebooks."""
    record = PluginRecord(name or module.rpartition(".")[2], distribution, version, module)
    return Candidate(record, lambda: importlib.import_module(module))
