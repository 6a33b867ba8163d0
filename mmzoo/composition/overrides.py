"""Keyword overrides of a recipe: `quantizer="fsq"`, `backbone={"depth": 12}`, `steps=4`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmzoo import schema
from mmzoo.composition.plan import Part, look_up, slots_of
from mmzoo.errors import MmzooError, UnknownKeyError
from mmzoo.hub.published import model_name

ARGUMENTS = ("pretrained", "device", "dtype", "revision", "part", "allow_licenses", "engine", "threads")
"""The other arguments of `create`, which a misspelled override may mean."""


def apply_overrides(recipe: Mapping[str, Any], overrides: Mapping[str, Any], head: Part) -> dict[str, Any]:
    """Apply overrides to a recipe.

    Args:
        recipe: The recipe of a model.
        overrides: By slot (a name replaces the part, a mapping changes its keys, None empties an optional slot) or by
            key of the head.
        head: The head that the recipe names.

    Returns:
        The changed recipe.

    Raises:
        UnknownKeyError: A key is neither a slot nor a key of the head.
        ConfigError: An override gives a renamed key under both its old and its new name.
    """
    changed = dict(recipe)
    slots, keys = slots_of(head), schema.arguments_of(head.cls)
    for key, value in schema.renamed_keys(head.cls, overrides, path="", label=head.label).items():
        if value is None and key in slots and slots[key].optional:
            changed.pop(key, None)
        elif key in slots:
            kind = "model" if slots[key].model else slots[key].kind
            changed[key] = _merged(changed.get(key), value, kind, key)
        elif key == "head":
            changed["head"] = _merged(changed["head"], value, "head", "head")
        elif key in keys:
            changed["head"] = _merged(changed["head"], {key: value}, "head", "head")
        else:
            hint = schema.suggestion(key, [*slots, *keys, *ARGUMENTS])
            raise UnknownKeyError(f"Unknown override {schema.join('', key)} for {head.label}: {hint}", path=key)
    return changed


def _merged(current: Any, value: Any, kind: str, slot: str) -> Any:
    """An entry of a recipe with an override; a different name starts from that component's own defaults."""
    naming = "model" if kind == "model" else "name"
    if kind == "model" and isinstance(value, os.PathLike):
        value = model_name(value)
    elif kind == "model" and isinstance(value, Mapping) and isinstance(value.get("model"), os.PathLike):
        value = {**value, "model": model_name(value["model"])}
    if isinstance(current, str):
        current = {naming: current}
    if isinstance(value, str):
        value = {naming: value}
    if not isinstance(value, Mapping) or not isinstance(current, Mapping):
        return value
    name = current.get(naming)
    if value.get(naming, name) != name:
        return dict(value)
    if kind != "model":
        current, value = (_current_keys(entry, kind, name, slot) for entry in (current, value))
    return {**current, **value}


def _current_keys(entry: Mapping[str, Any], kind: str, name: object, slot: str) -> Mapping[str, Any]:
    """The entry with renamed keys under their new names; what cannot be looked up is left for `check` to report."""
    try:
        cls = look_up(kind, str(name))[1]
    except MmzooError:
        return entry
    return schema.renamed_keys(cls, entry, path=slot, label=f"{kind} {name!r}")
