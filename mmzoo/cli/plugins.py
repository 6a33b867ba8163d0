"""`mmzoo plugins`."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from mmzoo.cli.light import LightCommand, add_json
from mmzoo.cli.output import note, print_json, print_table, say
from mmzoo.errors import UnknownNameError
from mmzoo.registry import settings
from mmzoo.registry.index import catalog
from mmzoo.registry.names import normalized
from mmzoo.registry.plugins import CHOICE, discover, named

ABOUT = """List the installed plugins, their state, and how long each took to load; or start a new plugin, or switch one
on or off.

States: loaded; broken (its import or its registration failed); incompatible (it needs a newer mmzoo); disabled
(switched off, or MMZOO_PLUGINS leaves it out); shadowed (the same entry point or module is already loaded)."""
KINDS = (
    "quantizer", "encoder", "fusion", "backbone", "sampler", "head", "model", "format", "dataset", "metric", "command",
)  # fmt: skip


def _declare(parser: ArgumentParser) -> None:
    add_json(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    new = actions.add_parser("new", help="write a complete small plugin package to begin with")
    new.add_argument("name", help="of the distribution, such as acme-fsq; the component is called the same")
    new.add_argument("--kind", choices=KINDS, default="quantizer", help="what it supplies (quantizer)")
    new.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where its folder goes (here)")
    for action, told in (("enable", "load a plugin again"), ("disable", "never load a plugin, until it is enabled")):
        switch = actions.add_parser(action, help=f"{told}; this is kept")
        switch.add_argument("name", help="of the distribution or the entry point")


def _run(asked: Namespace) -> int:
    if asked.action == "new":
        from mmzoo.cli.new_plugin import write_plugin

        folder = write_plugin(asked.name, asked.kind, asked.into)
        say(f"Wrote {folder}; next: cd {folder} && pip install -e . && python -m pytest")
        return 0
    if asked.action is not None:
        return _switch(asked.name, on=asked.action == "enable")
    return _list(asked)


def _list(asked: Namespace) -> int:
    records = catalog().plugins()
    if asked.json:
        print_json([asdict(record) for record in records])
        return 0
    rows = [
        (r.name, r.distribution, r.version, r.state, f"{r.ms:.1f} ms", str(len(r.supplies)), r.error or "")
        for r in records
    ]
    print_table(("plugin", "distribution", "version", "state", "import", "supplies", "error"), rows)
    if not records:
        note("No plugins are installed; mmzoo's own are in the folder plugins/ of its repository.")
    return 0


def _switch(name: str, *, on: bool) -> int:
    """Keep a plugin switched on or off. No plugin is imported, so that a broken one can be switched off."""
    records = [candidate.record for candidate in discover()]
    off = settings.switched_off()
    try:
        found = {record.distribution for record in named(records, name)}
    except UnknownNameError:
        if not on or normalized(name) not in off:
            raise
        found = {name}  # it has been uninstalled meanwhile
    changed = {normalized(distribution) for distribution in found}
    path = settings.switch_off(off - changed if on else off | changed)
    say(f"{', '.join(sorted(found))} is switched {'on' if on else 'off'} ({path}).")
    if os.environ.get(CHOICE, "").strip():
        note(f"{CHOICE} is set and decides alone for as long as it is.")
    return 0


PLUGINS = LightCommand(ABOUT, _declare, _run)
