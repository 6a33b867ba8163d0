"""`mmzoo plugins`."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from mmzoo.cli.light import LightCommand
from mmzoo.cli.output import note, one_line, print_json, print_table, say
from mmzoo.errors import UnknownNameError
from mmzoo.registry import settings
from mmzoo.registry.index import catalog
from mmzoo.registry.names import normalized
from mmzoo.registry.plugins import CHOICE, discover, named

ABOUT = """List the installed plugins with their states and load times; or create, enable or disable a plugin.

States: loaded; broken (its import or its registration failed); incompatible (it needs a newer mmzoo); disabled
(by `mmzoo plugins disable` or by MMZOO_PLUGINS); shadowed (the same entry point or module is already loaded)."""
KINDS = (
    "quantizer", "encoder", "fusion", "backbone", "sampler", "critic", "head", "model", "format", "dataset", "metric",
    "command",
)  # fmt: skip


def _declare(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    new = actions.add_parser("new", help="write a small, complete plugin package to start from")
    new.add_argument("name", help="name of the distribution and the component, such as acme-fsq")
    new.add_argument("--kind", choices=KINDS, default="quantizer", help="what it supplies (default: quantizer)")
    new.add_argument(
        "--into", type=Path, default=Path(), metavar="FOLDER", help="where to write its folder (default: here)"
    )
    for action, effect in (("enable", "load a plugin again"), ("disable", "do not load a plugin until it is enabled")):
        switch = actions.add_parser(action, help=f"{effect}; this setting is stored")
        switch.add_argument("name", help="name of the distribution or the entry point")


def _run(args: Namespace) -> int:
    if args.action == "new":
        from mmzoo.cli.new_plugin import write_plugin

        folder = write_plugin(args.name, args.kind, args.into)
        say(f"Wrote {folder}; next: cd {folder} && pip install -e . && python -m pytest")
        return 0
    if args.action is not None:
        return _switch(args.name, on=args.action == "enable")
    return _list(args)


def _list(args: Namespace) -> int:
    known = catalog(choice_checked=False)
    records = known.plugins()
    if args.json:
        print_json([asdict(record) for record in records])
        return 0
    rows = [
        (r.name, r.distribution, r.version, r.state, f"{r.ms:.1f} ms", str(len(r.supplies)), r.error or "")
        for r in records
    ]
    print_table(("plugin", "distribution", "version", "state", "import", "supplies", "error"), rows)
    for unknown in known.unmatched:
        note(one_line(f"{CHOICE} names {unknown!r}, but no installed plugin has that name; change or unset it."))
    if not records:
        note("No plugins are installed; mmzoo's own are in the folder plugins/ of its repository.")
    return 0


def _switch(name: str, *, on: bool) -> int:
    """Store that a plugin is enabled or disabled. No plugin is imported, so a broken one can be disabled."""
    records = [candidate.record for candidate in discover()]
    off = settings.switched_off()
    try:
        distributions = {record.distribution for record in named(records, name)}
    except UnknownNameError:
        if not on or normalized(name) not in off:
            raise
        distributions = {name}  # it has since been uninstalled
    changed = {normalized(distribution) for distribution in distributions}
    path = settings.switch_off(off - changed if on else off | changed)
    say(f"{', '.join(sorted(distributions))} is {'enabled' if on else 'disabled'} ({path}).")
    if os.environ.get(CHOICE, "").strip():
        note(f"{CHOICE} is set and overrides this setting.")
    return 0


PLUGINS = LightCommand(ABOUT, _run, _declare)
