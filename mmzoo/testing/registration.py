"""What holds for everything registered: a summary, no network, a config that JSON keeps, unknown keys refused."""

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
"""What modules tried to reach while they were imported, which happens once."""


def loaded(kind: str, name: str) -> Any:
    """What a registered name stands for. Its module is imported without a network, whichever check is the first."""
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
    """It is found by its name, its summary is one line that says something, and its code can be imported."""
    from mmzoo import registry

    spec = registry.catalog().component(kind, name)
    summary = spec.summary.strip()
    require(
        bool(summary) and len(summary.splitlines()) == 1 and summary.isprintable(),
        f"{kind} {name!r} is registered with the summary {spec.summary!r}; one line of text tells what it is.",
    )
    loaded(kind, name)


def check_offline_import(kind: str, name: str) -> None:
    """Its module is imported without a network."""
    from mmzoo import registry

    with suppress(Exception):  # of an import that fails, which other checks tell
        loaded(kind, name)
    module = registry.catalog().component(kind, name).target.partition(":")[0]
    refuse_reaching(f"{kind} {name!r}", _reached.get(module, []), f"its module {module} is imported")


def refuse_reaching(label: str, tried: list[str], when: str) -> None:
    """Raise ConformanceError if anything was tried."""
    require(
        not tried,
        f"{label} tries to reach {', '.join(dict.fromkeys(tried))} while {when}; only weights are downloaded, and that"
        " is mmzoo's part.",
    )


def check_config(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """The config survives JSON, and the config that the component reports gives the same component again."""
    try:
        part = part_of(kind, name, config)
    except UnknownKeyError:
        raise
    except ConfigError as error:
        raise ConformanceError(
            f"{kind} {name!r} cannot be tried ({str(error).rstrip('.')}); register it with trials=[...], small configs."
        ) from error
    kept = json.loads(json.dumps(part.config, allow_nan=False))
    require(kept == part.config, f"The config of {part.label} changes when it is written as JSON and read back.")
    again = part_of(kind, name, kept)
    require(again.config == part.config, f"The config that {part.label} reports does not give the same config again.")


def check_unknown_keys(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """A key that the constructor does not name is refused by its name."""
    try:
        part_of(kind, name, {**config, NONSENSE: 1})
    except UnknownKeyError as error:
        if NONSENSE not in error.path:  # another key of the config is unknown, which is the caller's mistake
            raise
    except PluginError as error:
        raise ConformanceError(f"{kind} {name!r} does not refuse unknown keys: {error}") from error
    except MmzooError as error:
        raise ConformanceError(f"{kind} {name!r} says of an unknown key: {error}") from error
    else:
        raise ConformanceError(f"{kind} {name!r} accepts the unknown key {NONSENSE}; it must raise UnknownKeyError.")
