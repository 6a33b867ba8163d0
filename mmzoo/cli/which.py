"""`mmzoo which`: which plugins supply a name, in which version and file; nothing is imported to find out."""

from __future__ import annotations

import importlib.util
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder

from mmzoo.cli.light import LightCommand
from mmzoo.cli.output import note, print_json, print_table
from mmzoo.registry.index import catalog, check_kind
from mmzoo.registry.listing import find_spec
from mmzoo.registry.names import normalized, split_qualifier, split_tag
from mmzoo.registry.specs import KINDS, ComponentSpec

ABOUT = """Show which plugin supplies a name: its distribution, version and file, and every rival.

In a pipe, each line is one supplier: how to write the name, plugin, version, state, file."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="a model, a component (kind/name, or its bare name), or distribution:name")


def _run(args: Namespace) -> int:
    found = _suppliers(args.name)
    if args.json:
        print_json([asdict(supplier) for supplier in found])
        return 0
    rows = [
        (s.written, s.plugin, s.version, f"{s.state}, as an alias" if s.alias else s.state, s.file or "unknown")
        for s in found
    ]
    print_table(("name", "plugin", "version", "state", "file"), rows)
    for kind in dict.fromkeys(supplier.kind for supplier in found):
        rivals = [s.written for s in found if s.kind == kind and s.state == "loaded" and not s.alias]
        if len(rivals) > 1:
            note(f"The bare name of this {kind} is ambiguous; write {' or '.join(rivals)}.")
    return 0


WHICH = LightCommand(ABOUT, _run, _declare)


@dataclass(frozen=True, slots=True)
class Supplier:
    """One plugin that supplies a name.

    Args:
        kind: model, or the kind of component.
        written: The unambiguous name.
        plugin: Name of the distribution.
        version: Version of the distribution.
        state: State of the plugin. One that is not `loaded` would supply the name if it were.
        file: File of the component's code, or of the plugin module for a model; None if unknown without importing.
        alias: Whether the name is an alias.
    """

    kind: str
    written: str
    plugin: str
    version: str
    state: str
    file: str | None
    alias: bool = False


def _suppliers(name: str) -> list[Supplier]:
    """All plugins that supply a name (`name`, `kind/name`, `distribution:name`), loaded ones first.

    More than one `loaded` supplier of one kind means that the bare name is ambiguous. If there is none, raises what
    `find_spec` raises, usually UnknownNameError.
    """
    kinds: tuple[str, ...] = ("model", *KINDS)
    bare = name
    if "/" in name:
        kind, _, bare = name.partition("/")
        if kind != "model":
            check_kind(kind)
        kinds = (kind,)
    distribution, bare = split_qualifier(split_tag(bare)[0])
    result = [*_loaded(kinds, bare), *_not_loaded(kinds, bare)]
    if distribution is not None:
        result = [supplier for supplier in result if normalized(supplier.plugin) == normalized(distribution)]
    if not result:
        find_spec(name.removeprefix("model/"))
    return result


def _loaded(kinds: tuple[str, ...], bare: str) -> list[Supplier]:
    known = catalog()
    plugins = {record.distribution: record.target for record in known.plugins() if record.state == "loaded"}
    result = []
    for spec in known.specs():
        if spec.kind in kinds and bare in (spec.name, *spec.aliases):
            target, written = plugins.get(spec.plugin, ""), known.written(spec)
            if isinstance(spec, ComponentSpec):
                target, written = spec.target, f"{spec.kind}/{written}"
            path = _source_file(target)
            result.append(Supplier(spec.kind, written, spec.plugin, spec.version, "loaded", path, spec.name != bare))
    # Names take precedence over aliases.
    return sorted(result, key=lambda supplier: supplier.alias)


def _not_loaded(kinds: tuple[str, ...], bare: str) -> list[Supplier]:
    """Plugins that registered the name before they failed."""
    return [
        Supplier(kind, supplied, record.distribution, record.version, record.state, _source_file(record.target))
        for record in catalog().plugins()
        if record.state != "loaded"
        for supplied in record.supplies
        for kind in kinds
        if supplied == f"{kind}/{bare}"
    ]


def _source_file(target: str) -> str | None:
    """The file of `package.module:Class`. Path entries are searched one by one, so that no package is imported."""
    package, *modules = target.partition(":")[0].split(".")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for name in modules:
        spec = PathFinder.find_spec(name, spec.submodule_search_locations or []) if spec is not None else None
    return spec.origin if spec is not None else None
