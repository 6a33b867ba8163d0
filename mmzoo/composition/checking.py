"""`check`: a resolved model to a plan. Classes are looked up, configs validated, ports compared; no file is touched."""

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
        if stored is not None and tree.pretrained:
            _check_harmless(stored, plan)
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
    """Check a recipe without models in its slots and construct it; on the meta device its tensors have no values."""
    return construct(check(ResolvedModel(recipe)), {}, device=device, name=name)


def head_of(recipe: object) -> Part:
    """The task head that a recipe names, checked. Raises what `check` raises."""
    if not isinstance(recipe, Mapping):
        raise ConfigTypeError(f"A recipe must be a mapping of slots to components, not {show(recipe)}.")
    if "head" not in recipe:
        raise ConfigError("The recipe has no key head; name the task head that makes the model.", path="head")
    return make_part("head", "head", recipe["head"])


# --- overrides ---------------------------------------------------------------------------------------


def _check_harmless(stored: Plan, changed: Plan) -> None:
    """Raise OverrideError if overrides change a tensor of the model, whose weights would then not fit.

    Compares builds on the meta device; no weights are opened. A replaced model in a slot counts as a change.
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
