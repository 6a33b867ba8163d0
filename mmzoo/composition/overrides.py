"""Keyword overrides of a recipe: `quantizer="fsq"`, `backbone={"depth": 12}`, `steps=4`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo import schema
from mmzoo.composition.build import build, own_tensors
from mmzoo.composition.plan import Plan, ResolveModel, SubModel, make_part, make_plan
from mmzoo.errors import OverrideError, UnknownKeyError
from mmzoo.interfaces.ports import Slot


def apply_overrides(recipe: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with overrides: by slot (a name replaces the part, a mapping changes its keys) or head key.

    None empties a slot that may be left out.

    Raises UnknownKeyError for a key that is neither a slot nor a key of the head.
    """
    changed = dict(recipe)
    if not overrides or "head" not in recipe:
        return changed
    head = make_part("head", "head", recipe["head"])
    slots: Mapping[str, Slot] = getattr(head.cls, "slots", {})
    keys = schema.arguments_of(head.cls)
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


def check_harmless(recipe: Mapping[str, Any], overridden: Mapping[str, Any], resolve_model: ResolveModel) -> None:
    """Raise OverrideError if the overrides change a tensor of the model, whose weights would then not fit.

    Compares builds on the meta device; no weights are opened. A replaced model in a slot counts as a change.
    """
    plain, changed = make_plan(recipe, resolve_model), make_plan(overridden, resolve_model)
    for slot in sorted(plain.model_entries.keys() | changed.model_entries.keys()):
        was, becomes = plain.model_entries.get(slot), changed.model_entries.get(slot)
        if was != becomes:
            what = "no model" if becomes is None else "another model" if was else "a model"
            trained = "none" if was is None else repr(was["model"])
            raise OverrideError(
                f"The override puts {what} into {slot}, and the weights were trained with {trained};"
                " pass pretrained=False to start from fresh parameters.",
                path=slot,
            )
    before, after = _shapes(plain), _shapes(changed)
    if before == after:
        return
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
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
    return {name: tuple(tensor.shape) for name, tensor in own_tensors(build(on_meta(plan))).items()}


def on_meta(plan: Plan) -> Plan:
    """The same plan with models in slots that are built on the meta device instead of loaded."""
    models = {
        slot: SubModel(model.recipe, lambda inner=plan.model_plans[slot]: build(on_meta(inner)), model.sha256)  # type: ignore[misc]
        for slot, model in plan.models.items()
    }
    return Plan(plan.head, plan.parts, models, plan.model_plans, plan.model_entries)
