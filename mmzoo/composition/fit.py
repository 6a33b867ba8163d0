"""Whether the parts of a recipe fit together: their declared ports are compared before anything is built."""

from __future__ import annotations

from collections.abc import Iterator

from mmzoo import registry, schema
from mmzoo.composition.plan import Part, Plan, look_up, slots_of
from mmzoo.errors import PluginError, PortError
from mmzoo.interfaces.ports import Port
from mmzoo.registry.names import show


def check_ports(plan: Plan) -> None:
    """Raise PortError for the first link of the head whose two ends do not match."""
    parts = {"head": plan.head, **plan.parts, **{slot: model.head for slot, model in plan.models.items()}}
    for link in getattr(plan.head.cls, "links", ()):
        slots = [end.partition(".")[0] for end in (link.source, link.target)]
        missing = [slot for slot in slots if slot not in parts]
        if any(slot in slots_of(plan.head) for slot in missing):
            continue  # an optional slot that is left out
        if missing:
            raise PluginError(
                f"{plan.head.label} links {link.source} to {link.target}, but has no slot {missing[0]!r}; fix its"
                " plugin."
            )
        producer, consumer = (parts[slot] for slot in slots)
        source, target = _port(producer, "outputs", link.source), _port(consumer, "inputs", link.target)
        if not (differing := source.mismatches(target)):
            continue
        fixes = [] if slots[1] in plan.models else list(_fitting(consumer, "inputs", link.target, source))
        fixes += [] if slots[0] in plan.models else list(_fitting(producer, "outputs", link.source, target))
        raise PortError(
            f"{link.source} of {producer.label} gives {source}, but {link.target} of {consumer.label} takes {target}"
            f" (they differ in {' and '.join(differing)}); {' or '.join(fixes[:3]) or 'choose parts that match'}.",
            path=link.target,
        )


def _port(part: Part, side: str, end: str) -> Port:
    port: Port = getattr(part.ports(), side).get(end.partition(".")[2], Port())
    return port


def _fitting(part: Part, side: str, end: str, wanted: Port) -> Iterator[str]:
    """Ways to change one part so that its port fits: a config key to set, else other components of its kind."""
    slot, _, port = end.partition(".")

    def fits(name: str, config: dict[str, object]) -> bool:
        try:
            cls = look_up(part.kind, name)[1]
            known = {key: value for key, value in config.items() if key in schema.arguments_of(cls)}
            ports = cls.ports(schema.resolve(cls, known, path="").config)  # type: ignore[attr-defined]
            return not getattr(ports, side).get(port, Port()).mismatches(wanted)
        except Exception:  # a guess that fails is not a suggestion
            return False

    values = [value for key in Port.__dataclass_fields__ if (value := getattr(wanted, key)) is not None]
    for key, now in part.config.items():
        for value in [not now] if isinstance(now, bool) else values:
            if fits(part.name, {**part.config, key: value}):
                yield f"set {slot}.{key} to {show(value)}"
                return
    if part.kind == "head":
        return
    catalog = registry.catalog()
    names = [name for spec in catalog.components(part.kind) if (name := catalog.written(spec)) != part.name]
    if others := [repr(name) for name in names if fits(name, part.config)]:
        yield f"use {part.kind} {' or '.join(others[:3])} as {slot}"
