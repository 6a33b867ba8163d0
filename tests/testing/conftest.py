"""The deliberate breaks of the folder `broken`, and a catalog in which one of them at a time is registered."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that makes a catalog of classes or functions, `(kind, name, what, **how it is registered)` each.

    A fourth entry of a model is its recipe's.
    """
    from mmzoo.hookspecs import Register
    from mmzoo.registry import Catalog, index

    def make(*things: tuple[str, str, Any, dict[str, Any]]) -> Any:
        known, module, register = Catalog(candidates=()), ModuleType("broken_parts"), Register("acme", "1.0")
        for kind, name, what, details in things:
            if kind == "model":
                register.model(name, **details)
                continue
            setattr(module, f"x_{kind}_{name}".replace("-", "_"), what)
            target = f"broken_parts:x_{kind}_{name}".replace("-", "_")
            getattr(register, kind)(name, target, **{"summary": "a test part", **details})
        known._components += register.components
        known._models += register.models
        monkeypatch.setitem(sys.modules, "broken_parts", module)
        monkeypatch.setattr(index, "_catalog", known)
        return known

    return make


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of settings."""
    monkeypatch.setenv("MMZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
