"""Judges by name: what reads or hears a model's output and had no part in its training."""

from __future__ import annotations

from typing import Any

from mmzoo.registry import catalog, load_target
from mmzoo.registry.targets import check_requirements


def load_judge(name: str) -> Any:
    """Create a registered judge.

    Raises:
        UnknownNameError: No judge has this name.
        MissingDependencyError: A package that it requires is not installed.
    """
    spec = catalog().component("judge", name)
    check_requirements(spec)
    judge: Any = load_target(spec)
    return judge()
