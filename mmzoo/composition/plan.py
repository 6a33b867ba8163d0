"""A recipe, checked: which class fills which slot with which configuration, before anything is built."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmzoo import schema
from mmzoo.errors import ConfigError, ConfigTypeError, PluginError, UnknownKeyError
from mmzoo.interfaces.ports import Ports, Slot

if TYPE_CHECKING:
    from mmzoo.interfaces.components import TaskHead
    from mmzoo.registry.specs import ComponentSpec

# No dots, also not in a distribution's name (its normalised form has none): what has dots is an import path.
COMPONENT_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*:)?[A-Za-z0-9][A-Za-z0-9_-]*")
MAX_DEPTH = 4
MODEL_KEYS = ("model", "sha256", "pretrained", "frozen")


@dataclass(frozen=True)
class Part:
    """A component of a recipe: its class and its checked configuration, not yet built.

    owner: the distribution that supplies it, if that is not mmzoo's own.
    """

    slot: str
    kind: str
    name: str
    cls: type
    resolved: schema.Resolved
    owner: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """Every config key with its value, as JSON."""
        return self.resolved.config

    @property
    def label(self) -> str:
        """How messages call it: `quantizer 'fsq'`."""
        return f"{self.kind} {self.name!r}"

    def entry(self) -> dict[str, Any]:
        """What stands for it in a resolved recipe, which others may read who lack its plugin, or have more of them."""
        bare = ":" not in self.name and self.owner
        return {"name": f"{self.owner}:{self.name}" if bare else self.name, **self.config}

    def ports(self) -> Ports:
        """The ports of the class with this configuration. Raises PluginError if the class fails to tell."""
        declare = getattr(self.cls, "ports", None)
        if declare is None:
            return Ports()
        try:
            ports = declare(self.config)
        except ConfigError:
            raise
        except Exception as error:
            raise PluginError(
                f"{self.label} cannot tell its ports ({schema.first_line(error)}); this is a mistake in its plugin."
            ) from error
        if not isinstance(ports, Ports):
            raise PluginError(f"{self.label} gives {schema.show(ports)} where Ports are expected; mend its plugin.")
        return ports


@dataclass(frozen=True)
class SubModel:
    """What a resolver says about the model in a slot.

    recipe: its own recipe, so that ports can be checked before it is loaded. load: builds it, frozen and in
    eval mode. sha256: of its weights file, None for a model with fresh parameters.
    """

    recipe: Mapping[str, Any]
    load: Callable[[], TaskHead]
    sha256: str | None = None


ResolveModel = Callable[[Mapping[str, Any], str], SubModel]
"""(mapping of the slot, dotted path) to the model that fills it."""


@dataclass(frozen=True)
class Plan:
    """A whole recipe, checked. models: slots that hold models, with the plans of those."""

    head: Part
    parts: Mapping[str, Part]
    models: Mapping[str, SubModel] = field(default_factory=dict)
    model_plans: Mapping[str, Plan] = field(default_factory=dict)
    model_entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def recipe(self) -> dict[str, Any]:
        """The recipe with every default filled in; resolving it again gives the same plan."""
        slots: Mapping[str, Slot] = getattr(self.head.cls, "slots", {})
        entries = {
            slot: self.parts[slot].entry() if slot in self.parts else dict(self.model_entries[slot])
            for slot in slots
            if slot in self.parts or slot in self.model_entries
        }
        return {"head": self.head.entry(), **entries}


def no_models(mapping: Mapping[str, Any], path: str) -> SubModel:
    """The resolver for recipes without model slots."""
    raise ConfigError(
        f"{path} is the model {schema.show(mapping.get('model'))}, which cannot be looked up here;"
        " build this recipe with mmzoo.factory.build.",
        path=path,
    )


def make_plan(recipe: Mapping[str, Any], resolve_model: ResolveModel = no_models, *, inside: str = "") -> Plan:
    """Look up every name of a recipe, check every config key and the ports. Builds nothing.

    inside: the dotted slots of the model that this recipe belongs to, for a model within a model.
    Raises ConfigError and its subclasses, UnknownNameError, AmbiguousNameError, PluginError.
    """
    from mmzoo.composition.fit import check_ports

    if inside.count(".") >= MAX_DEPTH:
        raise ConfigError(f"Models are nested in model slots more than {MAX_DEPTH} deep; does one contain itself?")
    if not isinstance(recipe, Mapping):
        raise ConfigTypeError(f"A recipe must be a mapping of slots to components, not {schema.show(recipe)}.")
    if "head" not in recipe:
        raise ConfigError("The recipe has no key head; name the task head that makes the model.", path="head")
    head = make_part("head", "head", recipe["head"])
    slots: Mapping[str, Slot] = getattr(head.cls, "slots", {})
    for key in recipe:
        if key != "head" and key not in slots:
            hint = schema.suggestion(str(key), ["head", *slots])
            raise UnknownKeyError(
                f"Unknown key {schema.join('', key)} in the recipe of {head.label}: {hint}",
                path=str(key),
            )
    parts: dict[str, Part] = {}
    models: dict[str, SubModel] = {}
    plans: dict[str, Plan] = {}
    entries: dict[str, Mapping[str, Any]] = {}
    for slot, wanted in slots.items():
        if slot not in recipe and wanted.optional:
            continue
        if slot not in recipe:
            raise ConfigError(
                f"The recipe has no key {slot}, which {head.label} needs; name the {wanted.kind} that fills it.",
                path=slot,
            )
        if wanted.model:
            mapping = model_mapping(recipe[slot], slot)
            models[slot] = found = resolve_model(mapping, schema.join(inside, slot))
            plans[slot] = make_plan(found.recipe, resolve_model, inside=schema.join(inside, slot))
            entries[slot] = {**mapping, **({"sha256": found.sha256} if found.sha256 else {})}
        else:
            parts[slot] = make_part(slot, wanted.kind, recipe[slot])
    plan = Plan(head, parts, models, plans, entries)
    check_ports(plan)
    return plan


def make_part(slot: str, kind: str, value: Any, *, path: str | None = None) -> Part:
    """Look up one component and check its config. value: a name, or a mapping with `name` and config keys."""
    path = slot if path is None else path
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise ConfigTypeError(
            f"{path} must be the name of a registered {kind} or a mapping with its name, not {schema.show(value)}.",
            path=path,
        )
    if "name" not in value:
        if "model" in value:
            raise ConfigError(f"{path} takes a {kind}, not a model; give it the name of a {kind}.", path=path)
        raise ConfigError(
            f"{path} has no name; write the name of a registered {kind} under {schema.join(path, 'name')}.",
            path=schema.join(path, "name"),
        )
    name = component_name(value["name"], kind, path)
    spec, cls = look_up(kind, name)
    given = {key: item for key, item in value.items() if key != "name"}
    if ":" not in name:
        name = spec.name
    resolved = schema.resolve(cls, given, path=path, label=f"{kind} {name!r}")
    return Part(slot, kind, name, cls, resolved, _owner(spec))


def _owner(spec: ComponentSpec) -> str:
    """The qualifier of an installed plugin that is not mmzoo's own."""
    from mmzoo.registry.firstparty import SUPPLIES
    from mmzoo.registry.names import normalized
    from mmzoo.registry.plugins import LOCAL

    owner = normalized(spec.plugin)
    return "" if owner in SUPPLIES or owner == LOCAL else owner


def component_name(name: Any, kind: str, path: str) -> str:
    """The name itself if it is a name. Raises ConfigTypeError; an import path is never followed."""
    if isinstance(name, str) and COMPONENT_NAME.fullmatch(name):
        return name
    reason = "an import path is never followed" if isinstance(name, str) and "." in name else "it is no name"
    raise ConfigTypeError(
        f"{path} must name a registered {kind}, not {schema.show(name)}: {reason}; `mmzoo list` shows the names.",
        path=path,
    )


def look_up(kind: str, name: str) -> tuple[Any, type]:
    """The registered spec of a component and its class."""
    from mmzoo import registry

    spec = registry.catalog().component(kind, name)
    cls = registry.load_target(spec)
    if not isinstance(cls, type) or not issubclass(cls, _base_class(kind)):
        raise PluginError(
            f"Plugin {spec.plugin} registers {spec.target} as {kind} {name!r}, but it is not a {_BASES[kind]}.",
            plugin=spec.plugin,
        )
    return spec, cls


_BASES = {
    "encoder": "ModalityEncoder",
    "quantizer": "Quantizer",
    "fusion": "Fusion",
    "backbone": "DiffusionBackbone",
    "sampler": "Sampler",
    "head": "TaskHead",
}


def _base_class(kind: str) -> type:
    base: type = getattr(importlib.import_module("mmzoo.interfaces.components"), _BASES[kind])
    return base


def model_mapping(value: Any, path: str) -> dict[str, Any]:
    """The checked mapping of a model slot: `{"model": name, "sha256": ..., "pretrained": ...}`."""
    if isinstance(value, str):
        value = {"model": value}
    if not isinstance(value, Mapping):
        raise ConfigTypeError(
            f"{path} must be the name of a model or a mapping with the key model, not {schema.show(value)}.", path=path
        )
    for key in value:
        if key not in MODEL_KEYS:
            dotted = schema.join(path, key)
            hint = schema.suggestion(str(key), MODEL_KEYS)
            raise UnknownKeyError(f"Unknown key {dotted} for a model in a slot: {hint}", path=dotted)
    if not isinstance(value.get("model"), str):
        raise ConfigTypeError(
            f"{path}.model must be the name of a model, not {schema.show(value.get('model'))}.", path=f"{path}.model"
        )
    if value.get("frozen", True) is not True:
        raise ConfigTypeError(
            f"{path}.frozen must be true: the weights of a model in a slot live in its own repo and are not trained.",
            path=f"{path}.frozen",
        )
    if not isinstance(value.get("pretrained", True), bool):
        raise ConfigTypeError(f"{path}.pretrained must be true or false.", path=f"{path}.pretrained")
    digest = value.get("sha256")
    if digest is not None and not (isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)):
        raise ConfigTypeError(
            f"{path}.sha256 must be 64 lower-case hexadecimal digits, not {schema.show(digest)}.",
            path=f"{path}.sha256",
        )
    return {key: item for key, item in value.items() if key != "frozen" and item is not None}
