"""From a spec to the class or function it names."""

from __future__ import annotations

import importlib
import re
from importlib import metadata

from mmzoo.errors import BrokenPluginError, MissingDependencyError
from mmzoo.registry.specs import ComponentSpec


def load_target(spec: ComponentSpec) -> object:
    """Import what a component's spec names.

    Raises MissingDependencyError if a package that the component `requires` is not installed,
    BrokenPluginError for any other failure of its import.
    """
    module, _, attribute = spec.target.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ImportError):
            check_requirements(spec)
        reason = " ".join(str(error).split()).rstrip(".")
        raise BrokenPluginError(
            f"{_called(spec)} cannot be imported from {spec.target}: {type(error).__name__}: {reason};"
            " reinstall the plugin or tell its author.",
            plugin=spec.plugin,
        ) from error
    return found


def check_requirements(spec: ComponentSpec) -> None:
    """Raise MissingDependencyError if a distribution that the component requires is not installed."""
    if missing := missing_requirements(spec):
        packages = " ".join(f"'{item}'" for item in missing)
        raise MissingDependencyError(
            f"{_called(spec)} needs {', '.join(missing)}, which is not installed; run: pip install {packages}",
            plugin=spec.plugin,
        )


def _called(spec: ComponentSpec) -> str:
    return f"The {spec.kind} {spec.name!r} of the plugin {spec.plugin}"


def missing_requirements(spec: ComponentSpec) -> list[str]:
    """Those of the spec's requirements whose distribution is not installed."""
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
