"""`mmzoo which`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from mmzoo.cli.light import LightCommand, add_json
from mmzoo.cli.output import note, print_json, print_table
from mmzoo.registry.which import Supplier, suppliers

ABOUT = """Show which plugin supplies a name: its distribution, version and file, and every rival.

In a pipe, each line is one supplier: how to write the name, plugin, version, state, file."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="a model, a component (kind/name, or its bare name), or distribution:name")
    add_json(parser)


def _run(args: Namespace) -> int:
    found = suppliers(args.name)
    if args.json:
        print_json([asdict(supplier) for supplier in found])
        return 0
    rows = [(s.written, s.plugin, s.version, _state(s), s.file or "unknown") for s in found]
    print_table(("name", "plugin", "version", "state", "file"), rows)
    for kind in dict.fromkeys(supplier.kind for supplier in found):
        rivals = [s.written for s in found if s.kind == kind and s.state == "loaded" and not s.alias]
        if len(rivals) > 1:
            note(f"The bare name of this {kind} is ambiguous; write {' or '.join(rivals)}.")
    return 0


def _state(supplier: Supplier) -> str:
    return f"{supplier.state}, as an alias" if supplier.alias else supplier.state


WHICH = LightCommand(ABOUT, _declare, _run)
