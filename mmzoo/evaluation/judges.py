"""Judges by name: what reads or hears what a model makes, and had no part in its training."""

from __future__ import annotations

from typing import Any

from mmzoo.registry import catalog, load_target
from mmzoo.registry.targets import check_requirements


def load_judge(name: str) -> Any:
    """A registered judge.

    Raises what the registry raises of names, and MissingDependencyError if a package it requires is not installed.
    """
    spec = catalog().component("judge", name)
    check_requirements(spec)
    judge: Any = load_target(spec)
    return judge()
