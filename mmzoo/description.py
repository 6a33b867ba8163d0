"""`describe`: what is known of a model or component before anything of it is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmzoo.errors import MmzooError
from mmzoo.factory import config_of, fresh_recipe
from mmzoo.hub.published import find_model
from mmzoo.hub.sources import card_bases, is_source
from mmzoo.registry import listing
from mmzoo.registry.listing import Description


def describe(name: str) -> Description:
    """What is registered about a model or component (see `mmzoo.registry.listing`), or what a source tells of itself.

    Of `hf-hub:org/name` only config and card are fetched, of one commit, which the description names. The licences are
    those of the weights, of every model in its slots, and of the base models that its card names, as far as they are
    registered here. Raises what `create` raises of names, configs and the Hub.
    """
    if not isinstance(name, str) or not is_source(name):
        return listing.describe(name)
    model = find_model(name)
    config, stated = config_of(model), model.declared_license()
    source = str(model.origin)
    return Description(
        "model",
        source,
        config.name or ("a model of another library" if config.foreign is not None else "a model without a name"),
        "",
        config.mmzoo_version,
        config.modalities,
        task=config.task,
        recipe=dict(config.recipe),
        parts=listing.parts_of(config.recipe),
        weights=({"tag": "", "source": source, "license": stated, "sha256": model.sha256},),
        licenses={
            source: stated,
            **_slot_licenses(config.recipe, local=not model.downloaded),
            **{base: _registered_license(base) for base in card_bases(model.folder())},
        },
    )


def _slot_licenses(recipe: Mapping[str, Any], *, local: bool) -> dict[str, str | None]:
    """Of the models in the slots of a recipe, and in theirs; one that contains itself is asked once."""
    found: dict[str, str | None] = {}
    waiting = [(name, local) for name in _models(recipe)]
    while waiting:
        name, here = waiting.pop(0)
        if name not in found:
            model = find_model(name, local=here)
            found[name] = model.declared_license()
            waiting += [(inner, here and not model.downloaded) for inner in _models(fresh_recipe(model))]
    return found


def _models(recipe: Mapping[str, Any]) -> Iterator[str]:
    return (str(value["model"]) for value in recipe.values() if isinstance(value, Mapping) and "model" in value)


def _registered_license(name: str) -> str | None:
    try:
        return find_model(name).license
    except MmzooError:
        return None
