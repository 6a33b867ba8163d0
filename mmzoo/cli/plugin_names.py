"""Which names a new plugin may have: those with which the package that is written for it works."""

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
    """Refuse a name whose package Python, YAML or another package would take for something else."""
    import yaml

    package = name.replace("-", "_")
    if keyword.iskeyword(package):
        raise UsageError(f"A plugin cannot be called {name!r}, which is a keyword of Python; choose another name.")
    if not isinstance(yaml.safe_load(name), str):
        raise UsageError(f"A plugin cannot be called {name!r}, which is no text in YAML recipes; choose another name.")
    if package in ("tests", "dist"):
        raise UsageError(f"A plugin cannot be called {name!r}, which is a folder beside it; choose another name.")
    if package in sys.modules or util.find_spec(package) is not None:
        raise UsageError(
            f"There is a Python package {package} already, which {name!r} would hide; choose another name."
        )
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return
    raise UsageError(f"The distribution {name!r} {version} is installed already; choose another name.")


def check_free(kind: str, name: str) -> None:
    """Refuse the name of a component, model or command that is taken, by mmzoo's own plugins too."""
    known = catalog()
    specs = known.models() if kind == "model" else known.components(kind)
    owners = [spec.plugin for spec in specs if name in (spec.name, *spec.aliases)]
    if kind == "command" and (name in OWN or name == "help"):
        owners = ["mmzoo"]
    owner = owners[0] if owners else firstparty.SUPPLIER.get(f"{kind}/{name}")
    if owner is not None:
        raise UsageError(f"The {kind} {name!r} comes with {owner} already; choose another name.")


def check_identifier(identifier: str, file: str, code: str) -> None:
    """Refuse a class or function that would bear a name which the rest of its file uses. file: as a message says it."""
    used = set(dir(builtins)) | set(keyword.kwlist)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.alias):
            used.add(node.asname or node.name)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            used.add(node.name)
    if identifier in used:
        raise UsageError(
            f"{identifier!r}, as it would be called in {file}, means something else there; choose another name."
        )
