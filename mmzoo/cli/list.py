"""`mmzoo list`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from mmzoo.cli.light import LightCommand
from mmzoo.cli.output import note, print_json, print_table
from mmzoo.errors import UsageError
from mmzoo.registry.index import catalog
from mmzoo.registry.listing import find_components, find_models
from mmzoo.registry.names import did_you_mean, suggestions
from mmzoo.registry.specs import KINDS, ComponentSpec, ModelSpec

ABOUT = """List models, or components with --components.

In a pipe, each line is one of them, with cells separated by tabs: for models the name, task, modalities, tags of
weights, plugin and summary; for components the kind/name, modalities, plugin and summary; with --others the name,
license, format and plugin."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("pattern", nargs="?", default="*", help="only these names, with the wildcards *, ? and [...]")
    parser.add_argument("--task", help="only models of this task, such as text-to-speech")
    parser.add_argument("--modality", help="only what takes or returns this: speech, image or text")
    parser.add_argument("--plugin", help="only what this plugin supplies")
    parser.add_argument(
        "--pretrained", action=BooleanOptionalAction, help="only models with published weights, or without"
    )
    parser.add_argument("--components", action="store_true", help="list components instead of models")
    parser.add_argument("--kind", metavar="KIND", help=f"only components of one kind: {', '.join(KINDS)}")
    parser.add_argument("--others", action="store_true", help="list models from elsewhere that a format can read")


def _run(args: Namespace) -> int:
    if args.others:
        _list_others(args)
    elif args.components or args.kind is not None:
        if args.task is not None or args.pretrained is not None:
            raise UsageError("--task and --pretrained are for models, not for components; drop them.")
        _list_components(args)
    else:
        _list_models(args)
    for record in catalog().plugins():
        if record.failed:
            note(f"warning: the plugin {record.title} is {record.state}; `mmzoo doctor` explains why.")
    return 0


LIST = LightCommand(ABOUT, _run, _declare)


def _list_models(args: Namespace) -> None:
    found = find_models(
        args.pattern, task=args.task, modality=args.modality, pretrained=args.pretrained, plugin=args.plugin
    )
    rows = []
    for name, spec in found:
        tags = ", ".join(weights.tag for weights in spec.weights) or "-"
        rows.append((name, spec.task, ", ".join(spec.modalities), tags, spec.plugin, spec.summary))
    headers = ("name", "task", "modalities", "weights", "plugin", "summary")
    data = (_shortened(spec) | {"name": name} for name, spec in found)
    _print(args, headers, rows, data, [spec.name for spec in catalog().models()])


def _list_components(args: Namespace) -> None:
    found = find_components(args.kind, args.pattern, modality=args.modality, plugin=args.plugin)
    rows = [(name, ", ".join(spec.modalities), spec.plugin, spec.summary) for name, spec in found]
    data = (_shortened(spec) | {"name": name.partition("/")[2]} for name, spec in found)
    names = [spec.name for spec in catalog().components(args.kind)]
    _print(args, ("name", "modalities", "plugin", "summary"), rows, data, names)


def _list_others(args: Namespace) -> None:
    known = [
        (f"hf-hub:{repo}", license, spec)
        for spec in catalog().components("format")
        for repo, license in sorted(spec.repos.items())
    ]
    found = [item for item in known if any(fnmatchcase(name, args.pattern) for name in (item[0], item[0][7:]))]
    rows = [(source, license or "not stated", spec.name, spec.plugin) for source, license, spec in found]
    data = ({"source": s, "license": license, "format": f.name, "plugin": f.plugin} for s, license, f in found)
    _print(args, ("name", "license", "format", "plugin"), rows, data, [source for source, _, _ in known])


def _shortened(spec: ModelSpec | ComponentSpec) -> dict[str, Any]:
    """A spec without its long fields, which `mmzoo show --json` has."""
    long = ("recipe", "card", "trials", "exempt", "detect", "repos")
    return {key: value for key, value in asdict(spec).items() if key not in long}


def _print(
    args: Namespace, headers: Sequence[str], rows: Sequence[Sequence[str]], data: Iterable[object], known: list[str]
) -> None:
    """Print JSON or a table; if there are no rows, suggest known names."""
    if args.json:
        print_json(list(data))
        return
    print_table(headers, rows)
    if not rows:
        pattern = args.pattern
        hint = did_you_mean(suggestions(pattern.strip("*"), known)) if pattern.strip("*") else ""
        note(f"Nothing matches{f' {pattern!r}' if pattern != '*' else ''}{f'; {hint}' if hint else '.'}")
