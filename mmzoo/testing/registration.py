"""What holds for everything that is registered: a summary, a config that JSON keeps, unknown keys refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mmzoo.composition import make_part
from mmzoo.errors import ConfigError, MmzooError, PluginError, UnknownKeyError
from mmzoo.testing.common import ConformanceError, require

NONSENSE = "no_such_key_7"


def check_summary(kind: str, name: str) -> None:
    """It is found by its name, its summary is one line that says something, and its code can be imported."""
    from mmzoo import registry

    spec = registry.catalog().component(kind, name)
    summary = spec.summary.strip()
    require(
        bool(summary) and len(summary.splitlines()) == 1 and summary.isprintable(),
        f"{kind} {name!r} is registered with the summary {spec.summary!r}; one line of text tells what it is.",
    )
    registry.load_target(spec)


def check_config(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """The config survives JSON, and the config that the component reports gives the same component again."""
    try:
        part = make_part(kind, kind, {**config, "name": name})
    except UnknownKeyError:
        raise
    except ConfigError as error:
        raise ConformanceError(
            f"{kind} {name!r} cannot be tried ({str(error).rstrip('.')}); register it with trials=[...], small configs."
        ) from error
    kept = json.loads(json.dumps(part.config, allow_nan=False))
    require(kept == part.config, f"The config of {part.label} changes when it is written as JSON and read back.")
    again = make_part(kind, kind, {**kept, "name": name})
    require(again.config == part.config, f"The config that {part.label} reports does not give the same config again.")


def check_unknown_keys(kind: str, name: str, config: Mapping[str, Any]) -> None:
    """A key that the constructor does not name is refused by its name."""
    try:
        make_part(kind, kind, {**config, "name": name, NONSENSE: 1})
    except UnknownKeyError as error:
        if NONSENSE not in error.path:  # another key of the config is unknown, which is the caller's mistake
            raise
    except PluginError as error:
        raise ConformanceError(f"{kind} {name!r} does not refuse unknown keys: {error}") from error
    except MmzooError as error:
        raise ConformanceError(f"{kind} {name!r} says of an unknown key: {error}") from error
    else:
        raise ConformanceError(f"{kind} {name!r} accepts the unknown key {NONSENSE}; it must raise UnknownKeyError.")
