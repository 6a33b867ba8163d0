"""Checks that a package written by `mmzoo plugins new` will work under the chosen name."""

from __future__ import annotations

import ast
import builtins
import keyword
import sys
from importlib import metadata, util

from mmzoo.cli.commands import OWN
from mmzoo.errors import UsageError
from mmzoo.registry import firstparty
from mmzoo.registry.index import catalog


def check_package(name: str) -> None:
    """Raise UsageError for a name that has another meaning in Python or YAML, or is taken by a package."""
    import yaml

    package = name.replace("-", "_")
    if keyword.iskeyword(package):
        raise UsageError(f"A plugin cannot be called {name!r}, which is a keyword of Python; choose another name.")
    if not isinstance(yaml.safe_load(name), str):
        raise UsageError(f"A plugin cannot be called {name!r}, which YAML does not read as text; choose another name.")
    if package in ("tests", "dist"):
        raise UsageError(f"A plugin cannot be called {name!r}, which is a folder of the package; choose another name.")
    if package in sys.modules or util.find_spec(package) is not None:
        raise UsageError(
            f"The Python package {package} exists already and {name!r} would hide it; choose another name."
        )
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return
    raise UsageError(f"The distribution {name!r} {version} is installed already; choose another name.")


def check_free(kind: str, name: str) -> None:
    """Raise UsageError if the name of a component, model or command is taken, also by mmzoo's own plugins."""
    known = catalog()
    specs = known.models() if kind == "model" else known.components(kind)
    owners = [spec.plugin for spec in specs if name in (spec.name, *spec.aliases)]
    if kind == "command" and (name in OWN or name == "help"):
        owners = ["mmzoo"]
    owner = owners[0] if owners else firstparty.SUPPLIER.get(f"{kind}/{name}")
    if owner is not None:
        raise UsageError(f"The {kind} {name!r} is already supplied by {owner}; choose another name.")


def check_identifier(identifier: str, file: str, code: str) -> None:
    """Raise UsageError if the rest of its file uses the name of a class or function.

    Args:
        identifier: The name of the class or function.
        file: The file's name, for the message.
        code: The file's code, without the class or function itself.
    """
    used: set[str | None] = {*dir(builtins), *keyword.kwlist}
    for node in ast.walk(ast.parse(code)):  # names, classes and functions, and imports
        used |= {getattr(node, field, None) for field in ("id", "name", "asname")}
    if identifier in used:
        raise UsageError(
            f"The class or function would be called {identifier!r}, which {file} uses already; choose another name."
        )
