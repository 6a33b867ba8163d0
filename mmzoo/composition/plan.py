"""A checked recipe before anything is built: the class and configuration of the component in each slot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmzoo import registry, schema
from mmzoo.errors import ConfigError, ConfigTypeError, PluginError
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces import (
    Critic,
    DiffusionBackbone,
    ForeignFormat,
    Fusion,
    ModalityEncoder,
    Ports,
    Quantizer,
    Sampler,
    Slot,
    TaskHead,
)
from mmzoo.registry.firstparty import SUPPLIES
from mmzoo.registry.names import normalized, show
from mmzoo.registry.plugins import LOCAL
from mmzoo.registry.specs import ComponentSpec

# No dots, even in the distribution (normalized names have none), so an import path never matches.
COMPONENT_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*:)?[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Part:
    """A component of a recipe, checked but not built.

    Args:
        slot: The slot that it fills.
        kind: Such as `quantizer`.
        name: Its registered name.
        cls: Its class.
        resolved: Its checked configuration.
        owner: The distribution that supplies it, unless it is one of mmzoo's own.
    """

    slot: str
    kind: str
    name: str
    cls: type
    resolved: schema.Resolved
    owner: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """Every config key with its value as JSON."""
        return self.resolved.config

    @property
    def label(self) -> str:
        """Its name in messages: `quantizer 'fsq'`."""
        return f"{self.kind} {self.name!r}"

    def entry(self) -> dict[str, Any]:
        """Its entry in a resolved recipe, with its plugin named: other installations may have other plugins."""
        bare = ":" not in self.name and self.owner
        return {"name": f"{self.owner}:{self.name}" if bare else self.name, **self.config}

    def ports(self) -> Ports:
        """The ports of the class with this configuration. Raises PluginError if the class cannot compute them."""
        declare = getattr(self.cls, "ports", None)
        if declare is None:
            return Ports()
        try:
            ports = declare(self.config)
        except ConfigError:
            raise
        except Exception as error:
            raise PluginError(
                f"{self.label} cannot compute its ports ({schema.first_line(error)}); fix its plugin."
            ) from error
        if not isinstance(ports, Ports):
            raise PluginError(f"{self.label} returns {show(ports)} from ports(), not Ports; fix its plugin.")
        return ports


@dataclass(frozen=True)
class Plan:
    """A resolved model, checked and ready for `build`.

    Args:
        tree: The resolved model.
        head: The task head.
        parts: The components, by slot.
        models: The plans of the models in model slots, by slot.
    """

    tree: ResolvedModel
    head: Part
    parts: Mapping[str, Part]
    models: Mapping[str, Plan] = field(default_factory=dict)

    def recipe(self) -> dict[str, Any]:
        """The recipe with every default filled in; resolving and checking it gives the same plan."""
        entries = {slot: part.entry() for slot, part in self.parts.items()}
        entries |= {slot: model.tree.ref.entry() for slot, model in self.models.items()}
        return {"head": self.head.entry(), **{slot: entries[slot] for slot in slots_of(self.head) if slot in entries}}


def slots_of(head: Part) -> Mapping[str, Slot]:
    """The slots that a task head's class declares."""
    slots: Mapping[str, Slot] = getattr(head.cls, "slots", {})
    return slots


def make_part(slot: str, kind: str, value: Any) -> Part:
    """Look up one component and check its config.

    Args:
        slot: The slot that it fills.
        kind: Such as `quantizer`.
        value: A name, or a mapping with `name` and config keys.

    Raises:
        ConfigError and its subclasses: The value or a config key is wrong.
        UnknownNameError, AmbiguousNameError, PluginError: The name cannot be used.
    """
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        raise ConfigTypeError(
            f"{slot} must be the name of a registered {kind} or a mapping with its name, not {show(value)}.",
            path=slot,
        )
    if "name" not in value:
        if "model" in value:
            raise ConfigError(f"{slot} takes a {kind}, not a model; give it the name of a {kind}.", path=slot)
        raise ConfigError(
            f"{slot} has no name; give the name of a registered {kind} under {schema.join(slot, 'name')}.",
            path=schema.join(slot, "name"),
        )
    name = component_name(value["name"], kind, slot)
    spec, cls = look_up(kind, name)
    given = {key: item for key, item in value.items() if key != "name"}
    if ":" not in name:
        name = spec.name
    resolved = schema.resolve(cls, given, path=slot, label=f"{kind} {name!r}")
    owner = normalized(spec.plugin)
    return Part(slot, kind, name, cls, resolved, "" if owner in (*SUPPLIES, LOCAL) else owner)


def component_name(name: Any, kind: str, path: str) -> str:
    """The given name. Raises ConfigTypeError if it is not a valid name; an import path is never followed."""
    if isinstance(name, str) and COMPONENT_NAME.fullmatch(name):
        return name
    reason = "an import path is never followed" if isinstance(name, str) and "." in name else "it is not a name"
    raise ConfigTypeError(
        f"{path} must name a registered {kind}, not {show(name)}: {reason}; `mmzoo list` shows the names.",
        path=path,
    )


def look_up(kind: str, name: str) -> tuple[ComponentSpec, type]:
    """The spec and the class of a registered component. Raises what `class_of` raises."""
    spec = registry.catalog().component(kind, name)
    return spec, class_of(spec)


_BASES: dict[str, type] = {
    "encoder": ModalityEncoder,
    "quantizer": Quantizer,
    "fusion": Fusion,
    "backbone": DiffusionBackbone,
    "sampler": Sampler,
    "critic": Critic,
    "head": TaskHead,
    "format": ForeignFormat,
}


def class_of(spec: ComponentSpec) -> Any:
    """The class of a registered component. Raises PluginError for a class of the wrong kind."""
    cls, base = registry.load_target(spec), _BASES[spec.kind]
    if not isinstance(cls, type) or not issubclass(cls, base):
        raise PluginError(
            f"Plugin {spec.plugin} registers {spec.target} as {spec.kind} {spec.name!r}, but it is not a"
            f" {base.__name__}.",
            plugin=spec.plugin,
        )
    return cls
