"""`mmzoo plugins`."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from mmzoo.cli.light import LightCommand, add_json
from mmzoo.cli.output import note, print_json, print_table
from mmzoo.registry.index import catalog

ABOUT = """List the installed plugins, their state, and how long each took to load.

States: loaded; broken (its import or its registration failed); incompatible (it needs a newer mmzoo); disabled
(MMZOO_PLUGINS leaves it out); shadowed (the same entry point or module is already loaded)."""


def _run(asked: Namespace) -> int:
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


PLUGINS = LightCommand(ABOUT, add_json, _run)
