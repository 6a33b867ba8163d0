"""Imports the class or function that a spec names."""

from __future__ import annotations

import importlib
import re
from importlib import metadata

from mmzoo.errors import BrokenPluginError, MissingDependencyError
from mmzoo.registry.specs import ComponentSpec


def load_target(spec: ComponentSpec) -> object:
    """Import the target of a component.

    Raises:
        MissingDependencyError: A package that the component `requires` is not installed.
        BrokenPluginError: The import failed for another reason.
    """
    module, _, attribute = spec.target.partition(":")
    try:
        target: object = importlib.import_module(module)
        for part in attribute.split("."):
            target = getattr(target, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ImportError):
            check_requirements(spec)
        reason = " ".join(str(error).split()).rstrip(".")
        raise BrokenPluginError(
            f"{_called(spec)} cannot be imported from {spec.target}: {type(error).__name__}: {reason};"
            " reinstall the plugin or report this to its author.",
            plugin=spec.plugin,
        ) from error
    return target


def check_requirements(spec: ComponentSpec) -> None:
    """Raise MissingDependencyError if a required distribution is not installed."""
    if missing := missing_requirements(spec):
        packages = " ".join(f"'{item}'" for item in missing)
        raise MissingDependencyError(
            f"{_called(spec)} needs {', '.join(missing)}, which is not installed; run: pip install {packages}",
            plugin=spec.plugin,
        )


def _called(spec: ComponentSpec) -> str:
    return f"The {spec.kind} {spec.name!r} of the plugin {spec.plugin}"


def missing_requirements(spec: ComponentSpec) -> list[str]:
    """The requirements of a component whose distribution is not installed."""
    return [requirement for requirement in spec.requires if not _installed(requirement)]


def _installed(requirement: str) -> bool:
    name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    if name is None:
        return True
    try:
        metadata.distribution(name[1])
    except metadata.PackageNotFoundError:
        return False
    return True
