"""Whether the parts of a recipe fit together: their declared ports are compared before anything is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmzoo import schema
from mmzoo.composition.plan import Part, Plan, look_up, slots_of
from mmzoo.errors import PluginError, PortError
from mmzoo.interfaces.ports import Link, Port, Ports
from mmzoo.registry.names import show


def check_ports(plan: Plan) -> None:
    """Raise PortError for the first link of the head whose two ends do not match."""
    declared: dict[str, Ports] = {}
    for link in getattr(plan.head.cls, "links", ()):
        ends = [end.partition(".")[0] for end in (link.source, link.target)]
        if any(_left_out(plan, slot) for slot in ends):
            continue
        for slot in ends:
            if slot not in declared:
                declared[slot] = _part(plan, slot, link).ports()
        source, target = _port(declared, link.source, "outputs"), _port(declared, link.target, "inputs")
        if source.mismatches(target):
            raise PortError(_complaint(plan, link, source, target), path=link.target)


def _left_out(plan: Plan, slot: str) -> bool:
    wanted = slots_of(plan.head).get(slot)
    return wanted is not None and wanted.optional and slot not in plan.parts and slot not in plan.models


def _part(plan: Plan, slot: str, link: Link) -> Part:
    if slot == "head":
        return plan.head
    if slot in plan.parts:
        return plan.parts[slot]
    if slot in plan.models:
        return plan.models[slot].head
    raise PluginError(
        f"{plan.head.label} links {link.source} to {link.target}, but has no slot {slot!r}; fix its plugin."
    )


def _port(declared: dict[str, Ports], end: str, side: str) -> Port:
    slot, _, name = end.partition(".")
    port: Port = getattr(declared[slot], side).get(name, Port())
    return port


def _complaint(plan: Plan, link: Link, source: Port, target: Port) -> str:
    from_slot, to_slot = link.source.partition(".")[0], link.target.partition(".")[0]
    producer, consumer = _part(plan, from_slot, link), _part(plan, to_slot, link)
    sides = (
        f"{link.source} of {producer.label} gives {source}, but {link.target} of {consumer.label} takes {target}"
        f" (they differ in {' and '.join(source.mismatches(target))})"
    )
    fixes = []
    if to_slot not in plan.models:
        fixes += list(_fitting(consumer, "inputs", link.target, source))
    if from_slot not in plan.models:
        fixes += list(_fitting(producer, "outputs", link.source, target))
    return f"{sides}; " + (f"{' or '.join(fixes[:3])}." if fixes else "choose parts that match.")


def _fitting(part: Part, side: str, end: str, wanted: Port) -> Iterator[str]:
    """Ways to change one part so that its port fits: a config key to set, else other components of its kind."""
    slot, _, name = end.partition(".")
    changed = [
        f"set {slot}.{key} to {show(value)}"
        for key, value in _candidates(part, wanted)
        if _fits(part.cls, {**part.config, key: value}, side, name, wanted)
    ]
    yield from changed[:1]
    if changed or part.kind == "head":
        return
    others = [other for other in _others(part) if _fits_by_default(part, other, side, name, wanted)]
    if others:
        yield f"use {part.kind} " + " or ".join(repr(other) for other in others[:3]) + f" as {slot}"


def _candidates(part: Part, wanted: Port) -> Iterator[tuple[str, Any]]:
    values = [getattr(wanted, name) for name in Port.__dataclass_fields__ if getattr(wanted, name) is not None]
    for key in part.config:
        for value in values:
            yield key, value


def _fits(cls: type, config: dict[str, Any], side: str, name: str, wanted: Port) -> bool:
    try:
        checked = schema.resolve(cls, config, path="").config
        port: Port = getattr(cls.ports(checked), side).get(name, Port())  # type: ignore[attr-defined]
        return not port.mismatches(wanted)
    except Exception:  # a guess that fails is not a suggestion
        return False


def _others(part: Part) -> list[str]:
    from mmzoo import registry

    catalog = registry.catalog()
    return [name for spec in catalog.components(part.kind) if (name := catalog.written(spec)) != part.name]


def _fits_by_default(part: Part, other: str, side: str, name: str, wanted: Port) -> bool:
    try:
        _, cls = look_up(part.kind, other)
        known = schema.arguments_of(cls)
    except Exception:
        return False
    kept = {key: value for key, value in part.config.items() if key in known}
    return _fits(cls, kept, side, name, wanted)
