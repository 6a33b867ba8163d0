"""`describe`: what is known about a model or component without building it."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mmzoo.errors import MmzooError, UsageError
from mmzoo.hub.published import find_model, model_name
from mmzoo.hub.sources import is_source
from mmzoo.hub.tree import ModelRef, ResolvedModel, models_in
from mmzoo.interfaces.keywords import hinted
from mmzoo.registry import catalog
from mmzoo.registry.listing import find_spec, is_named
from mmzoo.registry.specs import KINDS, PART_KINDS, ComponentSpec, JudgeSpec, ModelSpec
from mmzoo.registry.targets import missing_requirements
from mmzoo.resolve import resolve


@dataclass(frozen=True, slots=True)
class Description:
    """Everything registered about one model or component, as plain data.

    Args:
        kind: `model`, or the kind of a component.
        name: Its registered name, or the source.
        summary: One line about it.
        plugin: The distribution that registers it.
        version: The version of that distribution.
        modalities: Those that it takes or gives.
        aliases: Its other names.
        deprecated: What to use instead, if it is deprecated.
        task: Of a model.
        recipe: Of a model.
        parts: Of a model: by slot of its recipe, what fills the slot, as `kind/name` or `model/name`.
        weights: Of a model: tag, source, license and sha256 of each set of weights.
        licenses: By model name, the license of the weights of the model and of those in its slots; None if not stated.
        target: The import path of a component.
        requires: Packages that a component needs.
        missing: Those of them that are not installed.
        detect: Of a format: the entries of `config.json` by which it is recognized.
        repos: Of a format: models on the Hub in this layout, each with its license; None if not stated.
        judge: Of a judge: its license, source, independence and tasks.
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
        """As JSON data, without the fields that do not apply to the kind."""
        of_models, of_formats = ("task", "recipe", "parts", "weights", "licenses"), ("detect", "repos")
        of_components = ("target", "requires", "missing")
        left_out = {
            "model": (*of_components, *of_formats, "judge"),
            "format": (*of_models, "judge"),
            "judge": (*of_models, *of_formats),
        }.get(self.kind, (*of_models, *of_formats, "judge"))
        return {key: value for key, value in asdict(self).items() if key not in left_out}


@hinted
def describe(name: str | os.PathLike[str]) -> Description:
    """Describe a model or component from its registration, or a source from its config and card.

    No component is imported, so ports, which a class computes, are not included. For `hf-hub:org/name` only the config
    and the card are fetched, from one commit, which the description names. The licenses are those of the weights, of
    the models in slots, and of the base models that a source's card names, if they are registered.

    Args:
        name: A model (`name`, `name.tag`), a component (`kind/name` or its bare name), a model's folder, or a source.

    Returns:
        The description.

    Raises:
        UnknownNameError, AmbiguousNameError, MissingPluginError, BrokenPluginError, UsageError: The name cannot be
            used.
        ConfigError, HubError: The config of a source cannot be fetched or read.
    """
    if not isinstance(name, str | os.PathLike) or not str(name).strip():
        raise UsageError(f"describe takes the name of a model or component, not {name!r}; `mmzoo list` shows them.")
    name = model_name(name)
    if is_source(name):
        return _source(resolve(name))
    spec = find_spec(name)
    return _model(spec, name) if isinstance(spec, ModelSpec) else _component(spec)


def _shared(spec: ModelSpec | ComponentSpec) -> dict[str, Any]:
    """What is registered about models and components alike."""
    keys = ("kind", "name", "summary", "plugin", "version", "modalities", "aliases", "deprecated")
    return {key: getattr(spec, key) for key in keys}


def _component(spec: ComponentSpec) -> Description:
    judge = ("license", "source", "independence", "tasks")
    return Description(
        **_shared(spec),
        target=spec.target,
        requires=spec.requires,
        missing=tuple(missing_requirements(spec)),
        detect=dict(spec.detect),
        repos=dict(spec.repos),
        judge={key: getattr(spec, key) for key in judge} if isinstance(spec, JudgeSpec) else {},
    )


def _model(spec: ModelSpec, asked: str) -> Description:
    tag = asked.rpartition(":")[2].partition(".")[2]
    return Description(
        **_shared(spec),
        task=spec.task,
        recipe=copy.deepcopy(dict(spec.recipe)),
        parts=_parts_of(spec.recipe),
        weights=tuple(asdict(weights) for weights in spec.weights if tag in ("", weights.tag)),
        licenses=_licenses(_registered(asked)),
    )


def _registered(name: str, above: tuple[str, ...] = ()) -> ResolvedModel | ModelRef:
    """A model and the models in its slots as registered; reads no file.

    A source, a model of a plugin that is not installed and a model that contains itself are left as a ModelRef.
    """
    ref = ModelRef(name)
    try:
        found = None if name in above or is_source(name) else find_model(name)
    except MmzooError:
        found = None
    if found is None or found.spec is None:
        return ref
    inside = models_in(found.spec.recipe).items()
    models = {slot: _registered(model.name, (*above, name)) for slot, model in inside}
    return ResolvedModel(found.spec.recipe, ref, models, found=found)


def _licenses(tree: ResolvedModel | ModelRef) -> dict[str, str | None]:
    """The licenses of a model's weights and of those of the models in its slots, by name; None where unknown."""
    nodes = [tree] if isinstance(tree, ModelRef) else tree.walk()
    return {
        node.name: None if isinstance(node, ModelRef) else node.license
        for node in nodes
        if isinstance(node, ModelRef) or node.found.source is not None
    }


def _source(tree: ResolvedModel) -> Description:
    config, source = tree.config, str(tree.found.source)
    bases = tree.folder.bases if tree.folder is not None else ()
    inside = {name: license for name, license in _licenses(tree).items() if name != tree.name}
    return Description(
        "model",
        source,
        config.name or ("a model of another library" if config.foreign is not None else "a model without a name"),
        "",
        config.mmzoo_version,
        config.modalities,
        task=config.task,
        recipe=dict(tree.recipe),
        parts=_parts_of(tree.recipe),
        weights=({"tag": "", "source": source, "license": tree.license, "sha256": tree.found.sha256},),
        licenses={source: tree.license, **inside, **{base: _registered_license(base) for base in bases}},
    )


def _registered_license(name: str) -> str | None:
    try:
        return find_model(name).license
    except MmzooError:
        return None


def _parts_of(recipe: Mapping[str, Any]) -> dict[str, str]:
    """By slot of a recipe, the component (`kind/name`) or model (`model/name`) that fills it."""
    models = models_in(recipe)
    return {
        slot: f"model/{models[slot].name}" if slot in models else _part_in(slot, value)
        for slot, value in recipe.items()
    }


def _part_in(slot: str, value: Any) -> str:
    """The component in a slot as `kind/name`; only the head's class knows the slot's kind, so it is guessed."""
    name = value.get("name") if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        return "?"
    if slot in KINDS:
        return f"{slot}/{name}"
    kinds = [kind for kind in PART_KINDS if any(is_named(spec, name) for spec in catalog().components(kind))]
    return f"{kinds[0]}/{name}" if len(kinds) == 1 else name
