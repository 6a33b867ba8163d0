"""Keyword overrides of a recipe: `quantizer="fsq"`, `backbone={"depth": 12}`, `steps=4`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo import schema
from mmzoo.composition.plan import Part, slots_of
from mmzoo.errors import UnknownKeyError


def apply_overrides(recipe: Mapping[str, Any], overrides: Mapping[str, Any], head: Part) -> dict[str, Any]:
    """The recipe with overrides.

    Args:
        recipe: of a model.
        overrides: by slot (a name replaces the part, a mapping changes its keys, None empties a slot that may be left
            out) or by key of the head.
        head: the head that the recipe names.

    Raises:
        UnknownKeyError: for a key that is neither a slot nor a key of the head.
    """
    changed = dict(recipe)
    slots, keys = slots_of(head), schema.arguments_of(head.cls)
    for key, value in overrides.items():
        if value is None and key in slots and slots[key].optional:
            changed.pop(key, None)
        elif key in slots or key == "head":
            model = key in slots and slots[key].model
            changed[key] = _merged(changed.get(key), value, "model" if model else "name")
        elif key in keys:
            changed["head"] = _merged(changed["head"], {key: value}, "name")
        else:
            hint = schema.suggestion(key, [*slots, *keys])
            raise UnknownKeyError(f"Unknown override {schema.join('', key)} for {head.label}: {hint}", path=key)
    return changed


def _merged(current: Any, value: Any, naming: str) -> Any:
    """An entry of a recipe with an override; another name starts from that component's own defaults."""
    if isinstance(current, str):
        current = {naming: current}
    if isinstance(value, str):
        value = {naming: value}
    if not isinstance(value, Mapping) or not isinstance(current, Mapping):
        return value
    if value.get(naming, current.get(naming)) != current.get(naming):
        return dict(value)
    return {**current, **value}
