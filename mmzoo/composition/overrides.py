"""Keyword overrides of a recipe: `quantizer="fsq"`, `backbone={"depth": 12}`, `steps=4`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo import schema
from mmzoo.composition.build import construct, own_tensors
from mmzoo.composition.plan import Part, Plan, slots_of
from mmzoo.errors import OverrideError, UnknownKeyError
from mmzoo.interfaces.heads import TaskHead


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


def check_harmless(stored: Plan, changed: Plan) -> None:
    """Raise OverrideError if overrides change a tensor of the model, whose weights would then not fit.

    Compares builds on the meta device; no weights are opened. A replaced model in a slot counts as a change.

    Args:
        stored: the plan that the weights were made with.
        changed: the plan with the overrides.
    """
    for slot in sorted(stored.models.keys() | changed.models.keys()):
        was, becomes = stored.models.get(slot), changed.models.get(slot)
        if was is None or becomes is None or was.tree.ref != becomes.tree.ref:
            what = "no model" if becomes is None else "another model" if was else "a model"
            trained = "none" if was is None else repr(was.tree.name)
            raise OverrideError(
                f"The override puts {what} into {slot}, and the weights were trained with {trained};"
                " pass pretrained=False to start from fresh parameters.",
                path=slot,
            )
    before, after = _shapes(stored), _shapes(changed)
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not differing:
        return
    name = differing[0]
    more = f" and {len(differing) - 1} more tensors" if len(differing) > 1 else ""
    raise OverrideError(
        f"The overrides change {name} from {_shown(before.get(name))} to {_shown(after.get(name))}{more},"
        " so the published weights do not fit; pass pretrained=False to start from fresh parameters.",
        path=name,
    )


def _shown(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else str(list(shape))


def _shapes(plan: Plan) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in own_tensors(_on_meta(plan)).items()}


def _on_meta(plan: Plan) -> TaskHead:
    """The model on the meta device, the models in its slots too, which are not loaded."""
    return construct(plan, {slot: _on_meta(model) for slot, model in plan.models.items()})
