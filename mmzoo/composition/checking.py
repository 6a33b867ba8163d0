"""`check`: from a resolved model to a plan. Looks up classes, validates configs, compares ports; touches no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmzoo import schema
from mmzoo.composition.build import construct, own_tensors
from mmzoo.composition.fit import check_ports
from mmzoo.composition.plan import Part, Plan, make_part, slots_of
from mmzoo.errors import ConfigError, ConfigTypeError, OverrideError, UnknownKeyError
from mmzoo.hub.tree import ModelRef, ResolvedModel
from mmzoo.registry.names import show

if TYPE_CHECKING:
    from mmzoo.interfaces.heads import TaskHead


def check(tree: ResolvedModel) -> Plan:
    """Check every name, config key, port and override of a resolved model. No tensor gets values.

    Args:
        tree: The model and the models in its slots.

    Returns:
        The plan to build the model from; a model in two slots has one plan.

    Raises:
        ConfigError and its subclasses: A key or value is wrong, ports do not fit, or overrides change tensors.
        UnknownNameError, AmbiguousNameError, PluginError: A name cannot be used.
    """
    return _check(tree, {})


def _check(tree: ResolvedModel, checked: dict[int, Plan]) -> Plan:
    if id(tree) not in checked:
        inside = {slot: model for slot, model in tree.models.items() if isinstance(model, ResolvedModel)}
        models = {slot: _check(model, checked) for slot, model in inside.items()}
        stored = None if tree.stored is None else _check(tree.stored, checked)
        with tree.naming_its_file():
            plan = _plan(tree, models)
        if stored is not None and tree.pretrained:
            _check_harmless(stored, plan)
        checked[id(tree)] = plan
    return checked[id(tree)]


def _plan(tree: ResolvedModel, models: Mapping[str, Plan]) -> Plan:
    """The plan of one model, given the plans of the models in its slots."""
    head, recipe = head_of(tree.recipe), tree.recipe
    slots = slots_of(head)
    for key in recipe:
        if key != "head" and key not in slots:
            hint = schema.suggestion(str(key), ["head", *slots])
            raise UnknownKeyError(
                f"Unknown key {schema.join('', key)} in the recipe of {head.label}: {hint}", path=str(key)
            )
    parts: dict[str, Part] = {}
    for slot, wanted in slots.items():
        if slot not in recipe and wanted.optional:
            continue
        if slot not in recipe:
            raise ConfigError(
                f"The recipe has no key {slot}, which {head.label} needs; name a {wanted.kind} to fill it.",
                path=slot,
            )
        if not wanted.model:
            parts[slot] = make_part(slot, wanted.kind, recipe[slot])
        elif slot not in models:
            name = ModelRef.of(recipe[slot], slot).name
            if slot in tree.models:
                raise ConfigError(
                    f"{slot} of {head.label} holds the model {name[:80]!r}, which contains itself or is nested too"
                    " deep; put another model there.",
                    path=slot,
                )
            raise ConfigError(
                f"{slot} names the model {show(name)}, which has not been resolved; write it as"
                f' {{"model": "{name[:80]}"}} and resolve the recipe first.',
                path=slot,
            )
        elif wanted.contract is not None and not issubclass(models[slot].head.cls, wanted.contract):
            raise ConfigError(
                f"{slot} of {head.label} must be a {wanted.contract.__name__}, and {models[slot].tree.name!r} is"
                " not; choose another model.",
                path=slot,
            )
    plan = Plan(tree, head, parts, models)
    check_ports(plan)
    return plan


def compose(recipe: Mapping[str, Any], *, device: str = "meta", name: str = "") -> TaskHead:
    """Check and construct a recipe that has no models in its slots; on the meta device its tensors have no values."""
    return construct(check(ResolvedModel(recipe)), {}, device=device, name=name)


def head_of(recipe: object) -> Part:
    """The checked task head of a recipe. Raises what `check` raises."""
    if not isinstance(recipe, Mapping):
        raise ConfigTypeError(f"A recipe must be a mapping of slots to components, not {show(recipe)}.")
    if "head" not in recipe:
        raise ConfigError("The recipe has no key head; name the model's task head.", path="head")
    return make_part("head", "head", recipe["head"])


# --- overrides ---------------------------------------------------------------------------------------


def _check_harmless(stored: Plan, changed: Plan) -> None:
    """Raise OverrideError if overrides change a tensor, or a model in a slot: the stored weights would not fit.

    Compares both plans built on the meta device; opens no weights.
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
    """The model and the models in its slots on the meta device."""
    return construct(plan, {slot: _on_meta(model) for slot, model in plan.models.items()})
