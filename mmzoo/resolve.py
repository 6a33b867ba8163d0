"""`resolve`: from a name to a tree of the model and the models in its slots. Reads small files, never weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mmzoo.errors import NoWeightsError
from mmzoo.hub.published import FoundModel, find_model, model_name
from mmzoo.hub.tree import ModelRef, ResolvedModel, models_in
from mmzoo.model_folder import ModelConfig, ModelFolder

MAX_DEPTH = 4
"""How deep models may be nested in model slots."""

Known = dict[tuple[ModelRef, bool], ResolvedModel]
"""Resolved models in slots, by reference and by whether that reference may name a local folder."""


def resolve(
    name: str | os.PathLike[str],
    overrides: Mapping[str, Any] | None = None,
    *,
    revision: str | None = None,
    pretrained: bool = True,
) -> ResolvedModel:
    """Look up a model and the models in its slots; a model in two slots is looked up once.

    Args:
        name: A registered name, the path of a model's folder, or `hf-hub:org/name@revision`.
        overrides: Of the recipe, by slot or by key of the head. The head's class is imported only if there are any.
        revision: The revision of a model on the Hub.
        pretrained: False for the recipe without its weights; models in its slots keep theirs.

    Returns:
        The resolved model.

    Raises:
        UnknownNameError, AmbiguousNameError, UsageError, PluginError: The name does not identify a model.
        NoWeightsError: The weights of the model, or of one in a slot, are not published.
        HubError, ChecksumError, ConfigError: A config cannot be fetched or read.
    """
    name = model_name(name)
    opened = _opened(ModelRef(name, pretrained=pretrained), find_model(name, revision))
    known = Known()
    if not overrides:
        return _resolved(opened, (), "", known)
    recipe = _overridden(opened, overrides)
    stored = None if opened.folder is None else _resolved(opened, (), "", known)
    return _resolved(replace(opened, recipe=recipe, stored=stored), (), "", known)


def resolve_recipe(recipe: Mapping[str, Any], title: str = "") -> ResolvedModel:
    """Resolve a recipe that is not registered, with fresh parameters; models in its slots keep their weights.

    Args:
        recipe: The head and the entries of its slots; the entry of a model slot may be a bare model name.
        title: The name of the new model.

    Returns:
        The resolved model.
    """
    from mmzoo.composition.checking import head_of
    from mmzoo.composition.plan import slots_of

    slots = slots_of(head_of(recipe))
    named = {
        slot: {"model": model_name(value)}
        for slot, value in recipe.items()
        if isinstance(value, str | os.PathLike) and slot in slots
    }
    recipe = {**recipe, **{slot: value for slot, value in named.items() if slots[slot].model}}
    return _resolved(ResolvedModel(recipe, title=title), (), "", {})


def _opened(ref: ModelRef, found: FoundModel) -> ResolvedModel:
    """A model with its slots not yet resolved; its recipe is the registered one or the one in its folder's config."""
    from mmzoo import registry

    if not ref.pretrained and found.spec is not None:
        recipe = registry.catalog().settled(found.spec.recipe)
        return ResolvedModel(recipe, ref, title=found.bare_name, found=found)
    found = found.at_commit()
    folder = found.folder()
    config = _config_of(folder)
    title = (config.name or found.bare_name) if ref.pretrained else found.name
    ref = replace(ref, sha256=ref.sha256 or found.sha256)
    recipe = registry.catalog().settled(config.recipe)
    return ResolvedModel(recipe, ref, title=title, found=found, folder=folder, config=config)


def _config_of(folder: ModelFolder) -> ModelConfig:
    if folder.is_own:
        return folder.config
    from mmzoo.composition.foreign import read_config  # only here, because it needs torch

    return read_config(folder.path)


def _resolved(model: ResolvedModel, above: tuple[ResolvedModel, ...], inside: str, known: Known) -> ResolvedModel:
    """The model with the models in its slots resolved.

    Args:
        model: The model whose slots are to be resolved.
        above: The models that it is nested in.
        inside: The dotted slot that it fills.
        known: The models resolved so far.
    """
    above = (*above, model)
    local = not any(outer.found.downloaded for outer in above)  # a config from the Hub may not name local folders
    models: dict[str, ResolvedModel | ModelRef] = {}
    with model.naming_its_file():
        refs = models_in(model.recipe)
    for slot, ref in refs.items():
        path = f"{inside}.{slot}" if inside else slot
        if len(above) > MAX_DEPTH or any(outer.name == ref.name for outer in above):
            models[slot] = ref
            continue
        if (ref, local) not in known:
            with model.naming_its_file():
                opened = _in_slot(ref, path, local)
            known[ref, local] = _resolved(opened, above, path, known)
        models[slot] = known[ref, local]
    return replace(model, models=models)


def _in_slot(ref: ModelRef, path: str, local: bool) -> ResolvedModel:
    try:
        found = find_model(ref.name, local=local)
        if found.source is not None and found.source.scheme == "local-dir":
            ref = replace(ref, name=found.name)  # a path, however it was written
        return _opened(ref, found)
    except NoWeightsError as error:
        raise NoWeightsError(
            f"The slot {path} needs the weights of {ref.name!r}, which are not published or not in this"
            f" installation; for fresh parameters in that slot, pass {path}={{'pretrained': False}}."
        ) from error


def _overridden(model: ResolvedModel, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of a model with overrides."""
    from mmzoo.composition.checking import head_of
    from mmzoo.composition.overrides import apply_overrides

    with model.naming_its_file():
        head = head_of(model.recipe)
    return apply_overrides(model.recipe, overrides, head)
