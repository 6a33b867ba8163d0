"""Judges by name: what reads or hears a model's output and had no part in its training."""

from __future__ import annotations

from typing import Any

from mmzoo.errors import MmzooError, PluginError
from mmzoo.registry import catalog, load_target
from mmzoo.registry.targets import check_requirements
from mmzoo.schema import first_line


def load_judge(name: str) -> Any:
    """Create a registered judge.

    Raises:
        UnknownNameError: No judge has this name.
        MissingDependencyError: A package that it requires is not installed.
        PluginError: It cannot be created.
    """
    spec = catalog().component("judge", name)
    check_requirements(spec)
    judge: Any = load_target(spec)
    try:
        return judge()
    except MmzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"The judge {name!r} of the plugin {spec.plugin} cannot be created ({first_line(error)}); report it to the"
            " plugin's author.",
            plugin=spec.plugin,
        ) from error
