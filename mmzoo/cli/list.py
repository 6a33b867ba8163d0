"""`mmzoo list`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from mmzoo.cli.light import LightCommand, add_json
from mmzoo.cli.output import note, print_json, print_table
from mmzoo.errors import UsageError
from mmzoo.registry.index import catalog
from mmzoo.registry.listing import find_components, find_models, find_others
from mmzoo.registry.names import did_you_mean, suggestions
from mmzoo.registry.specs import KINDS

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
    add_json(parser)


def _run(args: Namespace) -> int:
    if args.others:
        _list_others(args.pattern, args.json)
    elif args.components or args.kind is not None:
        if args.task is not None or args.pretrained is not None:
            raise UsageError("--task and --pretrained are for models, not for components; drop them.")
        _list_components(args.pattern, args.kind, args.modality, args.plugin, args.json)
    else:
        _list_models(args.pattern, args.task, args.modality, args.pretrained, args.plugin, args.json)
    for record in catalog().plugins():
        if record.failed:
            note(f"warning: the plugin {record.title} is {record.state}; `mmzoo doctor` explains why.")
    return 0


LIST = LightCommand(ABOUT, _declare, _run)


def _list_models(
    pattern: str, task: str | None, modality: str | None, pretrained: bool | None, plugin: str | None, json: bool
) -> None:
    found = find_models(pattern, task=task, modality=modality, pretrained=pretrained, plugin=plugin)
    if json:
        print_json([_shortened(asdict(spec)) | {"name": name} for name, spec in found])
        return
    rows = [
        (
            name,
            spec.task,
            ", ".join(spec.modalities),
            ", ".join(weights.tag for weights in spec.weights) or "-",
            spec.plugin,
            spec.summary,
        )
        for name, spec in found
    ]
    print_table(("name", "task", "modalities", "weights", "plugin", "summary"), rows)
    if not found:
        _nothing(pattern, [spec.name for spec in catalog().models()])


def _shortened(spec: dict[str, Any]) -> dict[str, Any]:
    """Without the long fields, which `mmzoo show --json` has."""
    return {
        key: value
        for key, value in spec.items()
        if key not in ("recipe", "card", "trials", "exempt", "detect", "repos")
    }


def _list_components(pattern: str, kind: str | None, modality: str | None, plugin: str | None, json: bool) -> None:
    found = find_components(kind, pattern, modality=modality, plugin=plugin)
    if json:
        print_json([_shortened(asdict(spec)) | {"name": name.partition("/")[2]} for name, spec in found])
        return
    rows = [(name, ", ".join(spec.modalities), spec.plugin, spec.summary) for name, spec in found]
    print_table(("name", "modalities", "plugin", "summary"), rows)
    if not found:
        _nothing(pattern, [spec.name for spec in catalog().components(kind)])


def _list_others(pattern: str, json: bool) -> None:
    found = [item for item in find_others() if fnmatchcase(item[0], pattern) or fnmatchcase(item[0][7:], pattern)]
    if json:
        print_json([{"source": s, "license": license, "format": f.name, "plugin": f.plugin} for s, license, f in found])
        return
    rows = [(source, license or "not stated", spec.name, spec.plugin) for source, license, spec in found]
    print_table(("name", "license", "format", "plugin"), rows)
    if not found:
        _nothing(pattern, [source for source, _, _ in find_others()])


def _nothing(pattern: str, names: list[str]) -> None:
    hint = did_you_mean(suggestions(pattern.strip("*"), names)) if pattern.strip("*") else ""
    note(f"Nothing matches{f' {pattern!r}' if pattern != '*' else ''}{f'; {hint}' if hint else '.'}")
