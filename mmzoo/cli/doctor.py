"""`mmzoo doctor`."""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import mmzoo
from mmzoo.cli.light import LightCommand
from mmzoo.cli.output import one_line, print_json, say
from mmzoo.hookspecs import PLUGIN_API_VERSION
from mmzoo.registry import settings
from mmzoo.registry.index import Catalog, catalog
from mmzoo.registry.plugins import CHOICE, PluginRecord
from mmzoo.registry.targets import missing_requirements

PACKAGES = (
    "torch",
    "numpy",
    "pluggy",
    "huggingface_hub",
    "accelerate",
    "datasets",
    "safetensors",
    "pydantic",
    "typer",
    "rich",
)
VARIABLES = (
    CHOICE,
    settings.HOME,
    "MMZOO_CACHE",
    "MMZOO_ALLOW_LICENSES",
    "MMZOO_DEBUG",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
)
SLOW_MS = 200.0
MEASURING_S = 60
"""Longest time to wait for the process that measures."""


ABOUT = """Check the installation: plugins and why any failed, packages, conflicting names, settings, hardware.

Exit code 1 if a plugin is broken or incompatible, or MMZOO_PLUGINS names one that is not installed; 0 otherwise."""


def _run(args: Namespace) -> int:
    known = catalog(choice_checked=False)
    notes, problems = list(_notes(known)), list(_problems(known))
    if error := hardware().get("error"):
        notes.append(f"the hardware could not be measured: {error}")
    system = {
        "mmzoo": mmzoo.__version__,
        "plugin_api": PLUGIN_API_VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "hardware": hardware(),
    }
    if args.json:
        plugins = [asdict(record) for record in known.plugins()]
        print_json(system | {"plugins": plugins, "problems": problems, "notes": notes})
    else:
        _print(system, known.plugins())
        for title, lines in (("problems", problems), ("notes", notes)):
            say(f"\n{title}:" if lines else f"\n{title}: none")
            for line in lines:
                say(f"  - {one_line(line)}")
    return 1 if problems else 0


DOCTOR = LightCommand(ABOUT, _run)


@functools.cache
def hardware() -> Mapping[str, Any]:
    """What `mmzoo.hardware` measures, in a process of its own because it imports torch; or the `error` that it had."""
    try:
        command = [sys.executable, "-m", "mmzoo.hardware"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MEASURING_S, check=False)
        if done.returncode:
            return {"error": done.stderr.strip().rpartition("\n")[2][:300] or f"exit code {done.returncode}"}
        measured: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    return measured


def _print(system: Mapping[str, Any], records: Sequence[PluginRecord]) -> None:
    say(f"mmzoo {system['mmzoo']} (plugin API {system['plugin_api']}), Python {system['python']}, {system['platform']}")
    say(", ".join(f"{name} {version or 'not installed'}" for name, version in system["packages"].items()))
    for name, value in system["environment"].items():
        say(one_line(f"{name}={value}"))
    _print_hardware(system["hardware"])
    say("\nplugins:" if records else "\nplugins: none")
    for record in records:
        status = f"{len(record.supplies)} names" if record.state == "loaded" else record.error
        named = f"{record.distribution} {record.version} ({record.target}, {record.ms:.1f} ms): {status}"
        say(f"  {record.state:<13}{one_line(named)}")
        if record.traceback:
            say("\n".join(f"      {line}" for line in record.traceback.rstrip().splitlines()))


def _print_hardware(found: Mapping[str, Any]) -> None:
    if "error" in found:
        say("\nhardware: not measured")
        return
    available = ", ".join(found["instruction_sets"]) or "instruction sets unknown"
    say("\nhardware:")
    say(one_line(f"  {found['cpu']}, {found['cores']} cores; {available}; torch uses {found['instructions']}"))
    say(f"  matrix products of one core: {_speeds(found['gflops'])}; torch uses {found['threads']} threads")
    if found["gpu"]:
        say(one_line(f"  {found['gpu']}: {_speeds(found['gpu_gflops'])}"))
    else:
        say("  no GPU that torch can use")
    say(f"  a recipe's `precision: auto` means {found['precision']} here")


def _speeds(gflops: Mapping[str, float]) -> str:
    return ", ".join(f"{precision} {speed:,.0f} GFLOP/s" for precision, speed in gflops.items())


def _problems(known: Catalog) -> Iterator[str]:
    for record in known.plugins():
        if record.failed:
            yield f"the plugin {record.title} is {record.state}: {record.error}"
    for name in known.unmatched:
        yield f"{CHOICE} names {name!r}, but no installed plugin has that name; change or unset it."


def _notes(known: Catalog) -> Iterator[str]:
    for record in known.plugins():
        if record.state == "shadowed":
            yield f"the plugin {record.title} is not used: {record.error}"
        if record.ms > SLOW_MS:
            yield f"the plugin {record.title} took {record.ms:.0f} ms to import; it should import nothing heavy."
    for path in settings.unreadable():
        yield f"{path} cannot be read as JSON and is ignored; delete it."
    names = Counter((spec.kind, spec.name) for spec in known.specs())
    for (kind, name), count in names.items():
        if count > 1:
            yield f"{count} plugins supply the {kind} {name!r}; write it as distribution:{name}."
    for spec in known.components():
        if missing := missing_requirements(spec):
            yield f"the {spec.kind} {spec.name!r} of {spec.plugin} needs {', '.join(missing)}, which is not installed."
    if not known.plugins():
        yield "no plugins are installed, so there are no models; mmzoo's own are in plugins/ of its repository."


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
