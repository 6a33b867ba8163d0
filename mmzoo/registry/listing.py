"""`list_models` and `list_components`, which import no component."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from mmzoo.errors import AmbiguousNameError, UnknownNameError, UsageError
from mmzoo.interfaces.keywords import hinted
from mmzoo.registry.index import Catalog, catalog
from mmzoo.registry.names import did_you_mean, natural, suggestions
from mmzoo.registry.specs import KINDS, ComponentSpec, ModelSpec


@hinted
def list_models(
    pattern: str = "*",
    *,
    task: str | None = None,
    modality: str | None = None,
    pretrained: bool | None = None,
    plugin: str | None = None,
) -> list[str]:
    """List models by name, in natural order. `create` accepts every name.

    A name that two plugins share is listed as `distribution:name`. A deprecated model is listed only if the pattern is
    its exact name.

    Args:
        pattern: With wildcards `*`, `?` and `[...]`. A pattern with a dot matches, and lists, `name.tag`.
        task: Only models of this task.
        modality: Only models with this input or output.
        pretrained: True for models with published weights, False for those without.
        plugin: Only models of this distribution or entry point.
    """
    specs = find_models(pattern, task=task, modality=modality, pretrained=pretrained, plugin=plugin)
    return [name for name, _ in specs]


def find_models(
    pattern: str, *, task: str | None, modality: str | None, pretrained: bool | None, plugin: str | None
) -> list[tuple[str, ModelSpec]]:
    """Like `list_models`, with the spec of each name."""
    _check_pattern(pattern)
    known = catalog()
    pairs = [
        (name, spec)
        for spec in known.models()
        if task in (None, spec.task)
        and pretrained in (None, bool(spec.weights))
        and _is_wanted(spec, modality, plugin)
        and (not spec.deprecated or pattern == spec.name)
        for name in _spellings(known, spec, pattern)
    ]
    return sorted(pairs, key=lambda pair: natural(pair[0]))


def _is_wanted(spec: ModelSpec | ComponentSpec, modality: str | None, plugin: str | None) -> bool:
    """Whether a spec has this modality and is supplied by this distribution or entry point; None stands for any."""
    if modality is not None and modality not in spec.modalities:
        return False
    records = catalog().plugins() if plugin is not None else ()
    return plugin is None or any(r.distribution == spec.plugin and r.is_called(plugin) for r in records)


def _spellings(known: Catalog, spec: ModelSpec, pattern: str) -> Iterator[str]:
    written = known.written(spec)
    tags = [weights.tag for weights in spec.weights]
    # A distribution's name may contain a dot but a model's may not, so only the part after the qualifier counts.
    for ending in [f".{tag}" for tag in tags] if "." in pattern.rpartition(":")[2] else [""]:
        if any(fnmatchcase(f"{name}{ending}", pattern) for name in (spec.name, f"{spec.plugin}:{spec.name}")):
            yield f"{written}{ending}"


@hinted
def list_components(kind: str | None = None, pattern: str = "*") -> list[str]:
    """List components as `kind/name`, sorted by kind and then in natural order.

    Args:
        kind: encoder, quantizer, fusion, backbone, sampler, critic (which `create` accepts), head, format, dataset,
            metric, judge or command.
        pattern: With wildcards; matched against `kind/name` if it contains a slash, else against the name.

    Raises:
        UsageError: The kind is unknown.
    """
    return [name for name, _ in find_components(kind, pattern)]


def find_components(
    kind: str | None = None, pattern: str = "*", *, modality: str | None = None, plugin: str | None = None
) -> list[tuple[str, ComponentSpec]]:
    """Like `list_components`, with the spec of each name."""
    _check_pattern(pattern)
    known = catalog()
    return [
        (f"{spec.kind}/{known.written(spec)}", spec)
        for spec in known.components(kind)
        if _matches(spec, pattern)
        and _is_wanted(spec, modality, plugin)
        and (not spec.deprecated or pattern in (spec.name, f"{spec.kind}/{spec.name}"))
    ]


def _matches(spec: ComponentSpec, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(f"{spec.kind}/{spec.name}", pattern)
    return fnmatchcase(spec.name, pattern) or fnmatchcase(f"{spec.plugin}:{spec.name}", pattern)


def _check_pattern(pattern: str) -> None:
    if not isinstance(pattern, str):
        raise UsageError(f"A pattern must be a string such as 'vqvae-*', not {pattern!r}.")


# --- one name ----------------------------------------------------------------------------------------


def find_spec(name: str) -> ModelSpec | ComponentSpec:
    """Find a model (`name`, `name.tag`) or a component (`kind/name`, or its bare name).

    Raises UnknownNameError, AmbiguousNameError, MissingPluginError, BrokenPluginError or UsageError.
    """
    known = catalog()
    kind, slash, bare = name.partition("/")
    if slash:
        return known.component(kind, bare)
    try:
        return known.model(name)
    except UnknownNameError as error:
        kinds = [kind for kind in KINDS if any(is_named(spec, name) for spec in known.components(kind))]
        if len(kinds) == 1:
            return known.component(kinds[0], name)
        if kinds:
            candidates = [f"{kind}/{name}" for kind in kinds]
            raise AmbiguousNameError(
                f"{name!r} is the name of {len(kinds)} components; write {' or '.join(candidates)}.",
                name=name,
                candidates=candidates,
            ) from None
        close = suggestions(name, [spec.name for spec in known.components()])
        if error.suggestions or not close:
            raise
        message = f"There is no model or component {name[:80]!r}; {did_you_mean(close)}"
        raise UnknownNameError(message, name=name, suggestions=close) from None


def is_named(spec: ComponentSpec, name: str) -> bool:
    """Whether a component has this name, alias or qualified name."""
    return name in (spec.name, f"{spec.plugin}:{spec.name}", *spec.aliases)
