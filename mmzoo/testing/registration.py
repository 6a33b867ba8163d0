"""Checks for everything registered: summary, no network, config survives JSON, unknown keys are rejected."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mmzoo.composition import Part, make_part
from mmzoo.errors import ConfigError, MmzooError, PluginError, UnknownKeyError
from mmzoo.testing.common import ConformanceError, require
from mmzoo.testing.offline import offline

NONSENSE = "no_such_key_7"
_reached: dict[str, list[str]] = {}
"""Hosts that each module tried to reach when it was first imported."""


def loaded(kind: str, name: str) -> Any:
    """The registered object. Its module is imported offline, whichever check needs it first."""
    from mmzoo import registry

    spec = registry.catalog().component(kind, name)
    module = spec.target.partition(":")[0]
    first = module not in sys.modules
    with offline() as tried:
        try:
            return registry.load_target(spec)
        finally:
            if first:
                _reached[module] = tried


def part_of(kind: str, name: str, config: Mapping[str, Any]) -> Part:
    """The class of a registered name with its checked config."""
    loaded(kind, name)
    return make_part(kind, kind, {**config, "name": name})


def check_summary(kind: str, name: str) -> None:
    """It can be looked up and imported, and its summary is one line of text."""
    from mmzoo import registry

    spec = registry.catalog().component(kind, name)
    summary = spec.summary.strip()
    require(
        bool(summary) and len(summary.splitlines()) == 1 and summary.isprintable(),
        f"{kind} {name!r} is registered with the summary {spec.summary!r}; one line of printable text was expected.",
    )
    loaded(kind, name)


def check_offline_import(kind: str, name: str) -> None:
    """Its module is imported without a network."""
    from mmzoo import registry

    with suppress(Exception):  # other checks report a failing import
        loaded(kind, name)
    module = registry.catalog().component(kind, name).target.partition(":")[0]
    refuse_reaching(f"{kind} {name!r}", _reached.get(module, []), f"its module {module} is imported")


def refuse_reaching(label: str, tried: list[str], when: str) -> None:
    """Raise ConformanceError if any host was contacted."""
    require(
        not tried,
        f"{label} tries to reach {', '.join(dict.fromkeys(tried))} while {when}; plugins must not use the network,"
        " because mmzoo downloads the weights.",
    )


def check_config(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """The config survives a JSON round trip, and the config that the component reports reproduces itself."""
    try:
        part = part_of(kind, name, config)
    except UnknownKeyError:
        raise
    except ConfigError as error:
        raise ConformanceError(
            f"{kind} {name!r} cannot be built ({str(error).rstrip('.')}); register it with small configs, trials=[...]."
        ) from error
    restored = json.loads(json.dumps(part.config, allow_nan=False))
    require(restored == part.config, f"The config of {part.label} changes when written as JSON and read back.")
    again = part_of(kind, name, restored)
    require(again.config == part.config, f"The config that {part.label} reports does not reproduce itself.")


def check_unknown_keys(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """An unknown key is rejected with an error that names it."""
    try:
        part_of(kind, name, {**config, NONSENSE: 1})
    except UnknownKeyError as error:
        if NONSENSE not in error.path:  # another unknown key: the caller's mistake
            raise
    except PluginError as error:
        raise ConformanceError(f"{kind} {name!r} does not reject unknown keys: {error}") from error
    except MmzooError as error:
        raise ConformanceError(f"{kind} {name!r} raises the wrong error for an unknown key: {error}") from error
    else:
        raise ConformanceError(f"{kind} {name!r} accepts the unknown key {NONSENSE}; it must raise UnknownKeyError.")
