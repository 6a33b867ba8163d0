"""What pytest gets from an installed mmzoo: a marker-free, torch-free plugin with one fixture.

`mmzoo_plugins` lets the tests of a plugin run before it is installed:

    def test_grid(mmzoo_plugins):
        mmzoo_plugins("acme_mmzoo.plugin")
        check_quantizer("grid", dim=8)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mmzoo.registry.plugins import PluginRecord


@pytest.fixture
def mmzoo_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[PluginRecord, ...]]]:
    """A function that adds plugin modules to the installed plugins until the test ends.

    It takes the names of modules with `mmzoo_register`, and returns what became of them. A module that fails to
    load fails the test with its own traceback; one that is installed already is left as it is.
    """
    from mmzoo.registry import index
    from mmzoo.registry.plugins import discover, from_module

    def add(*modules: str) -> tuple[PluginRecord, ...]:
        known = index.Catalog([*discover(), *(from_module(name) for name in modules)])
        for record in known.plugins():
            if record.target in modules and record.state not in ("loaded", "shadowed"):
                pytest.fail(f"the plugin {record.target} is {record.state}: {record.error}\n{record.traceback or ''}")
        monkeypatch.setattr(index, "_catalog", known)
        return tuple(record for record in known.plugins() if record.target in modules)

    yield add
