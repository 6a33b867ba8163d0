"""`list_models`, `list_components` and `describe`: what there is, told without importing any of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from mmzoo.errors import AmbiguousNameError, MmzooError, UnknownNameError, UsageError
from mmzoo.registry.index import Catalog, catalog, check_kind
from mmzoo.registry.names import did_you_mean, natural, normalized, suggestions
from mmzoo.registry.specs import KINDS, PART_KINDS, ComponentSpec, JudgeSpec, ModelSpec
from mmzoo.registry.targets import missing_requirements


def list_models(
    pattern: str = "*",
    *,
    task: str | None = None,
    modality: str | None = None,
    pretrained: bool | None = None,
    plugin: str | None = None,
) -> list[str]:
    """Names of models, in natural order; every one of them can be given to `create`.

    pattern: with the wildcards `*`, `?` and `[...]`. Names have no dots, so a pattern with one matches
    `name.tag` and gives such names. task, modality: only models of this task, or that take or give this
    modality. pretrained: True for models with published weights, False for those without. plugin: only models
    of this distribution or entry point. Deprecated models are listed only by their exact name. Models that two
    plugins share are listed as `distribution:name`.
    """
    found = find_models(pattern, task=task, modality=modality, pretrained=pretrained, plugin=plugin)
    return [name for name, _ in found]


def find_models(
    pattern: str = "*",
    *,
    task: str | None = None,
    modality: str | None = None,
    pretrained: bool | None = None,
    plugin: str | None = None,
) -> list[tuple[str, ModelSpec]]:
    """As `list_models`, each name with its spec."""
    _check_pattern(pattern)
    known = catalog()
    owners = _owners(known, plugin)
    kept = [
        spec
        for spec in known.models()
        if task in (None, spec.task)
        and (modality is None or modality in spec.modalities)
        and pretrained in (None, bool(spec.weights))
        and (owners is None or normalized(spec.plugin) in owners)
        and (not spec.deprecated or pattern == spec.name)
    ]
    found = [(name, spec) for spec in kept for name in _spellings(known, spec, pattern)]
    return sorted(found, key=lambda pair: natural(pair[0]))


def _spellings(known: Catalog, spec: ModelSpec, pattern: str) -> Iterator[str]:
    written = known.written(spec)
    tags = [weights.tag for weights in spec.weights]
    # A distribution's name may have a dot; a model's may not, so only the part behind the qualifier tells.
    for ending in [f".{tag}" for tag in tags] if "." in pattern.rpartition(":")[2] else [""]:
        if any(fnmatchcase(f"{name}{ending}", pattern) for name in (spec.name, f"{spec.plugin}:{spec.name}")):
            yield f"{written}{ending}"


def list_components(kind: str | None = None, pattern: str = "*") -> list[str]:
    """Components as `kind/name`, by kind and then in natural order; `create` takes those that are parts.

    kind: encoder, quantizer, fusion, backbone, sampler, head, format, dataset, metric, judge or command. pattern:
    matched against the name alone, or against `kind/name` if it has a slash. Raises UsageError for an unknown kind.
    """
    return [name for name, _ in find_components(kind, pattern)]


def find_components(
    kind: str | None = None, pattern: str = "*", *, modality: str | None = None, plugin: str | None = None
) -> list[tuple[str, ComponentSpec]]:
    """As `list_components`, each name with its spec."""
    _check_pattern(pattern)
    known = catalog()
    owners = _owners(known, plugin)
    return [
        (f"{spec.kind}/{known.written(spec)}", spec)
        for spec in known.components(kind)
        if _matches(spec, pattern)
        and (modality is None or modality in spec.modalities)
        and (owners is None or normalized(spec.plugin) in owners)
        and (not spec.deprecated or pattern in (spec.name, f"{spec.kind}/{spec.name}"))
    ]


def find_others() -> list[tuple[str, str | None, ComponentSpec]]:
    """Models of other people on the Hub that a format reads: source, licence if one is stated, the format."""
    return [
        (f"hf-hub:{repo}", license, spec)
        for spec in catalog().components("format")
        for repo, license in sorted(spec.repos.items())
    ]


def _matches(spec: ComponentSpec, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(f"{spec.kind}/{spec.name}", pattern)
    return fnmatchcase(spec.name, pattern) or fnmatchcase(f"{spec.plugin}:{spec.name}", pattern)


def _check_pattern(pattern: str) -> None:
    if not isinstance(pattern, str):
        raise UsageError(f"A pattern is text such as 'vqvae-*', not {pattern!r}.")


def _owners(known: Catalog, plugin: str | None) -> set[str] | None:
    """The distributions that a plugin's name stands for, or None for all."""
    if plugin is None:
        return None
    wanted = normalized(plugin)
    named = {normalized(r.distribution) for r in known.plugins() if normalized(r.name) == wanted}
    return named | {wanted}


JUDGE = ("license", "source", "independence", "tasks")
"""What is told of a judge alone."""

# --- one of them -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Description:
    """All that is registered about one model or component, as plain data.

    kind: `model`, or the kind of a component. parts: of a model, each slot of its recipe with what fills it.
    licenses: of a model's weights and of those of the models in its slots, by name; None where none is stated.
    missing: packages the component needs that are not installed. detect, repos: of a format, by what it is recognised,
    and models on the Hub that are laid out so, each with its licence, None if none is stated. judge: of a judge, its
    license, source, independence and tasks.
    """

    kind: str
    name: str
    summary: str
    plugin: str
    version: str
    modalities: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    deprecated: str | None = None
    task: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[Mapping[str, Any], ...] = ()
    licenses: Mapping[str, str | None] = field(default_factory=dict)
    target: str | None = None
    requires: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    detect: Mapping[str, Any] = field(default_factory=dict)
    repos: Mapping[str, str | None] = field(default_factory=dict)
    judge: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON data; what does not apply to the kind is left out."""
        of_models, of_formats = ("task", "recipe", "parts", "weights", "licenses"), ("detect", "repos")
        of_components = ("target", "requires", "missing")
        left_out = {
            "model": (*of_components, *of_formats, "judge"),
            "format": (*of_models, "judge"),
            "judge": (*of_models, *of_formats),
        }.get(self.kind, (*of_models, *of_formats, "judge"))
        return {key: value for key, value in asdict(self).items() if key not in left_out}


def describe(name: str) -> Description:
    """What is registered about a model (`name`, `name.tag`) or a component (`kind/name`, or its bare name).

    Nothing is imported, so ports, which are the class's own, are not told. Raises UnknownNameError,
    AmbiguousNameError, MissingPluginError, BrokenPluginError, UsageError.
    """
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"describe takes the name of a model or a component, not {name!r}.")
    known = catalog()
    kind, slash, bare = name.partition("/")
    if slash:
        check_kind(kind)
        return _component(known.component(kind, bare))
    try:
        return _model(known, known.model(name), name)
    except UnknownNameError as error:
        kinds = [kind for kind in KINDS if any(_named(spec, name) for spec in known.components(kind))]
        if len(kinds) == 1:
            return _component(known.component(kinds[0], name))
        if kinds:
            candidates = [f"{kind}/{name}" for kind in kinds]
            raise AmbiguousNameError(
                f"{name!r} is the name of {len(kinds)} components; write {' or '.join(candidates)}.",
                name=name,
                candidates=candidates,
            ) from None
        if error.suggestions:
            raise
        close = suggestions(name, [spec.name for spec in known.components()])
        if not close:
            raise
        message = f"There is no model or component {name[:80]!r}; {did_you_mean(close)}"
        raise UnknownNameError(message, name=name, suggestions=close) from None


def _named(spec: ComponentSpec, name: str) -> bool:
    return name in (spec.name, f"{spec.plugin}:{spec.name}", *spec.aliases)


def _component(spec: ComponentSpec) -> Description:
    return Description(
        spec.kind,
        spec.name,
        spec.summary,
        spec.plugin,
        spec.version,
        spec.modalities,
        spec.aliases,
        spec.deprecated,
        target=spec.target,
        requires=spec.requires,
        missing=tuple(missing_requirements(spec)),
        detect=dict(spec.detect),
        repos=dict(spec.repos),
        judge={key: getattr(spec, key) for key in JUDGE} if isinstance(spec, JudgeSpec) else {},
    )


def _model(known: Catalog, spec: ModelSpec, asked: str) -> Description:
    tag = asked.rpartition(":")[2].partition(".")[2]
    return Description(
        "model",
        spec.name,
        spec.summary,
        spec.plugin,
        spec.version,
        spec.modalities,
        spec.aliases,
        spec.deprecated,
        task=spec.task,
        recipe=copy.deepcopy(dict(spec.recipe)),
        parts=parts_of(spec.recipe),
        weights=tuple(asdict(weights) for weights in spec.weights if tag in ("", weights.tag)),
        licenses=_licenses(known, asked),
    )


def _licenses(known: Catalog, name: str) -> dict[str, str | None]:
    """The effective licences of a model: its weights' and, one after the other, those of the models it is made of."""
    found: dict[str, str | None] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        try:
            spec = known.model(name)
        except MmzooError:  # a source, or a plugin that is not installed
            found[name] = None
            continue
        tag = name.rpartition(":")[2].partition(".")[2]
        chosen = [weights for weights in spec.weights if tag in ("", weights.tag)]
        if chosen:
            found[name] = chosen[0].license
        waiting += [v["model"] for v in spec.recipe.values() if isinstance(v, Mapping) and "model" in v]
    return found


def parts_of(recipe: Mapping[str, Any]) -> dict[str, str]:
    """What fills each slot of a recipe, as `kind/name` or `model/name`."""
    known = catalog()
    return {slot: _filling(known, slot, value) for slot, value in recipe.items()}


def _filling(known: Catalog, slot: str, value: Any) -> str:
    """What fills a slot, as `kind/name` or `model/name`; the slot's kind is known only to the head's class."""
    if isinstance(value, Mapping) and "model" in value:
        return f"model/{value['model']}"
    name = value.get("name") if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        return "?"
    if slot in KINDS:
        return f"{slot}/{name}"
    found = [kind for kind in PART_KINDS if any(_named(spec, name) for spec in known.components(kind))]
    return f"{found[0]}/{name}" if len(found) == 1 else name
