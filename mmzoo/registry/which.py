"""Which plugins supply a name, in which version and file; nothing is imported to find out."""

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


def suppliers(name: str) -> list[Supplier]:
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
    specs: list[ModelSpec | ComponentSpec] = [*known.models(), *known.components()]
    result = []
    for spec in specs:
        kind = "model" if isinstance(spec, ModelSpec) else spec.kind
        if kind in kinds and bare in (spec.name, *spec.aliases):
            target = plugins.get(spec.plugin, "") if isinstance(spec, ModelSpec) else spec.target
            written = f"{'' if kind == 'model' else f'{kind}/'}{known.written(spec)}"
            path = source_file(target)
            result.append(Supplier(kind, written, spec.plugin, spec.version, "loaded", path, spec.name != bare))
    # Names take precedence over aliases.
    return sorted(result, key=lambda supplier: supplier.alias)


def _not_loaded(kinds: tuple[str, ...], bare: str) -> list[Supplier]:
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
    """The file of `package.module:Class`. Only the top-level package is searched for, so nothing is imported."""
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
