"""Who supplies a name: the plugin, its version, the file, and every rival; nothing is imported to find out."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mmzoo.registry.index import catalog, check_kind
from mmzoo.registry.listing import find_spec
from mmzoo.registry.names import normalized, split_qualifier, split_tag
from mmzoo.registry.specs import KINDS, ComponentSpec, ModelSpec


@dataclass(frozen=True, slots=True)
class Supplier:
    """One plugin's answer to a name.

    written: how to write the name so that this one is meant. alias: whether the name is only an alias here. state: of
    the plugin; what is not `loaded` would supply the name if it were. file: of the component's code, or of the plugin
    module for a model; None where it cannot be told without importing.
    """

    kind: str
    written: str
    plugin: str
    version: str
    state: str
    file: str | None
    alias: bool = False


def suppliers(name: str) -> list[Supplier]:
    """Every plugin that supplies a name (`name`, `kind/name`, `distribution:name`), those in use first.

    More than one `loaded` supplier of one kind means that the bare name is ambiguous. Raises UnknownNameError and
    what else `find_spec` raises if nobody supplies it.
    """
    kinds: tuple[str, ...] = ("model", *KINDS)
    bare = name
    if "/" in name:
        kind, _, bare = name.partition("/")
        if kind != "model":
            check_kind(kind)
        kinds = (kind,)
    distribution, bare = split_qualifier(split_tag(bare)[0])
    found = [*_loaded(kinds, bare), *_left_out(kinds, bare)]
    if distribution is not None:
        found = [supplier for supplier in found if normalized(supplier.plugin) == normalized(distribution)]
    if not found:
        find_spec(name.removeprefix("model/"))
    return found


def _loaded(kinds: tuple[str, ...], bare: str) -> list[Supplier]:
    known = catalog()
    plugins = {record.distribution: record.target for record in known.plugins() if record.state == "loaded"}
    specs: list[ModelSpec | ComponentSpec] = [*known.models(), *known.components()]
    found = []
    for spec in specs:
        kind = "model" if isinstance(spec, ModelSpec) else spec.kind
        if kind in kinds and bare in (spec.name, *spec.aliases):
            target = plugins.get(spec.plugin, "") if isinstance(spec, ModelSpec) else spec.target
            written = f"{'' if kind == 'model' else f'{kind}/'}{known.written(spec)}"
            path = source_file(target)
            found.append(Supplier(kind, written, spec.plugin, spec.version, "loaded", path, spec.name != bare))
    # A name outranks an alias.
    return sorted(found, key=lambda supplier: supplier.alias)


def _left_out(kinds: tuple[str, ...], bare: str) -> list[Supplier]:
    """Plugins that registered the name before they failed."""
    return [
        Supplier(kind, supplied, record.distribution, record.version, record.state, source_file(record.target))
        for record in catalog().plugins()
        if record.state != "loaded"
        for supplied in record.supplies
        for kind in kinds
        if supplied == f"{kind}/{bare}"
    ]


def source_file(target: str) -> str | None:
    """The file of a `package.module:Class`. Only the top package is looked for, which imports none of it."""
    package, *modules = target.partition(":")[0].split(".")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not modules:
        return spec.origin
    for folder in spec.submodule_search_locations or ():
        path = Path(folder).joinpath(*modules)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return str(candidate)
    return None
