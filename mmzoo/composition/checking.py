"""`check`: a resolved model to a plan. Classes are looked up, configs validated, ports compared; no file is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmzoo import schema
from mmzoo.composition.build import construct
from mmzoo.composition.fit import check_ports
from mmzoo.composition.overrides import check_harmless
from mmzoo.composition.plan import Part, Plan, make_part, slots_of
from mmzoo.errors import ConfigError, ConfigTypeError, UnknownKeyError
from mmzoo.hub.tree import ModelRef, ResolvedModel
from mmzoo.registry.names import show

if TYPE_CHECKING:
    from mmzoo.interfaces.heads import TaskHead


def check(tree: ResolvedModel) -> Plan:
    """Look up every name of a resolved model, check every config key, the ports and the overrides. Builds no tensor.

    Args:
        tree: the model and the models in its slots.

    Returns:
        The plan by which the model can be built; a model in two slots has one plan.

    Raises:
        ConfigError and its subclasses: for a key, a value, ports that do not fit, overrides that change tensors.
        UnknownNameError, AmbiguousNameError, PluginError: for a name that cannot be used.
    """
    return _check(tree, {})


def _check(tree: ResolvedModel, checked: dict[int, Plan]) -> Plan:
    if id(tree) not in checked:
        inside = {slot: model for slot, model in tree.models.items() if isinstance(model, ResolvedModel)}
        models = {slot: _check(model, checked) for slot, model in inside.items()}
        stored = None if tree.stored is None else _check(tree.stored, checked)
        with tree.naming_its_file():
            plan = _plan(tree, models)
        if stored is not None and tree.ref.pretrained:
            check_harmless(stored, plan)
        checked[id(tree)] = plan
    return checked[id(tree)]


def _plan(tree: ResolvedModel, models: Mapping[str, Plan]) -> Plan:
    """The plan of one model, whose models in slots have theirs."""
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
                f"The recipe has no key {slot}, which {head.label} needs; name the {wanted.kind} that fills it.",
                path=slot,
            )
        if not wanted.model:
            parts[slot] = make_part(slot, wanted.kind, recipe[slot])
        elif slot not in models:
            name = ModelRef.of(recipe[slot], slot).name
            if slot in tree.models:
                raise ConfigError(
                    f"The model {name[:80]!r} is nested in model slots too deep; does one contain itself?"
                )
            raise ConfigError(
                f"{slot} is the model {show(name)}, which has not been looked up; write it as"
                f' {{"model": "{name[:80]}"}}, and resolve the recipe first.',
                path=slot,
            )
    plan = Plan(tree, head, parts, models)
    check_ports(plan)
    return plan


def compose(recipe: Mapping[str, Any], *, device: str = "meta", name: str = "") -> TaskHead:
    """Check a recipe without models in its slots and construct it; on the meta device its tensors have no values."""
    return construct(check(ResolvedModel(recipe)), {}, device=device, name=name)


def head_of(recipe: object) -> Part:
    """The task head that a recipe names, checked. Raises what `check` raises."""
    if not isinstance(recipe, Mapping):
        raise ConfigTypeError(f"A recipe must be a mapping of slots to components, not {show(recipe)}.")
    if "head" not in recipe:
        raise ConfigError("The recipe has no key head; name the task head that makes the model.", path="head")
    return make_part("head", "head", recipe["head"])
