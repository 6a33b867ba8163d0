"""`mmzoo show`."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmzoo.cli.light import LightCommand
from mmzoo.cli.output import one_line, print_json, say
from mmzoo.description import Description, describe
from mmzoo.errors import UsageError
from mmzoo.hub.card_results import headlines
from mmzoo.hub.sources import bundled_folder
from mmzoo.model_folder import EVALUATION_NAME, read_record
from mmzoo.registry import catalog, load_target
from mmzoo.testing.records import conformity

ABOUT = """Show everything that is registered about a model or component, without importing or downloading it; or what
the config and card of a model on the Hub say, without downloading its weights."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="a model (name or name.tag), a component (kind/name), or hf-hub:org/name")
    parser.add_argument(
        "--keys", action="store_true", help="for a component: also import it and list the keys of its config"
    )


def _run(args: Namespace) -> int:
    description = describe(args.name)
    keys = _keys(description) if args.keys else {}
    conformance = conformity(description.plugin, description.version, f"{description.kind}/{description.name}")
    if args.json:
        print_json(description.to_dict() | {"conformance": conformance} | ({"keys": keys} if args.keys else {}))
        return 0
    say(one_line(f"{description.name}: {description.summary}"))
    for label, value in _facts(description, conformance):
        say(f"  {label:<12}{one_line(value)}")
    if description.parts:
        say("  recipe")
        width = max(len(one_line(slot)) for slot in description.parts) + 2
        for slot, part in description.parts.items():
            say(f"    {one_line(slot):<{width}}{one_line(f'{part}{_settings(description.recipe[slot])}')}")
    if args.keys:
        say("  keys" if keys else "  keys        none")
        width = max(map(len, keys), default=0) + 2
        for key, about in keys.items():
            shown = json.dumps(about.get("default"), default=str)
            default = f", {shown} by default" if "default" in about else ", required"
            say(f"    {one_line(key):<{width}}{one_line(about['type'])}{one_line(default)}")
    return 0


SHOW = LightCommand(ABOUT, _run, _declare)


def _figures(description: Description) -> str:
    """The most important figures in the evaluation beside a model's weights, if it is on this machine."""
    kind, _, place = description.weights[0]["source"].partition(":") if description.weights else ("", "", "")
    folder = bundled_folder(description.name) if kind == "bundled" else Path(place) if kind == "local-dir" else None
    evaluation = read_record(folder / EVALUATION_NAME) if folder is not None else None
    task = catalog().task(str(description.task), description.plugin)
    return ", ".join(f"{name} {value:,}" for _, name, value in headlines(task, evaluation))


def _keys(description: Description) -> dict[str, dict[str, Any]]:
    """The type of each key of a component's config, and its default unless it is required."""
    if description.kind in ("model", "metric", "command"):
        raise UsageError(f"--keys is for components; {description.name!r} is a {description.kind} and has no config.")
    from mmzoo.schema import arguments_of, type_name

    target: Any = load_target(catalog().component(description.kind, f"{description.plugin}:{description.name}"))
    return {
        key: {"type": type_name(field.annotation)} | ({} if field.is_required() else {"default": field.default})
        for key, field in arguments_of(target).items()
    }


def _facts(description: Description, conformance: str | None) -> Iterator[tuple[str, str]]:
    """The lines of the first block, as labels and values."""
    values = {
        "kind": description.kind,
        "task": description.task,
        "modalities": ", ".join(description.modalities),
        "plugin": description.plugin and f"{description.plugin} {description.version}",
        "aliases": ", ".join(description.aliases),
        "deprecated": description.deprecated,
        "target": description.target,
        "requires": ", ".join(f"{r} (not installed)" if r in description.missing else r for r in description.requires),
        "licenses": ", ".join(f"{license or 'not stated'} ({of})" for of, license in description.licenses.items()),
    }
    yield from ((label, value) for label, value in values.items() if value)
    if description.kind == "model" and not description.weights:
        yield "weights", "none published; create it with pretrained=False"
    if conformance is not None:
        yield "contract", conformance
    for key, value in description.detect.items():
        yield "detects", f"config.json with {json.dumps(key)}: {json.dumps(value)}"
    for repo, license in description.repos.items():
        yield "reads", f"hf-hub:{repo}, license {license or 'not stated'}"
    for key, value in description.judge.items():
        yield "had" if key == "independence" else key, ", ".join(value) if key == "tasks" else value
    if figures := _figures(description):
        yield "figures", figures
    for weights in description.weights:
        pinned = f", sha256 {weights['sha256'][:12]}..." if weights["sha256"] else ""
        tag = f"{weights['tag']}: " if weights["tag"] else ""
        yield "weights", f"{tag}{weights['source']}, license {weights['license'] or 'not stated'}{pinned}"


def _settings(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    settings = [f"{key}={json.dumps(item)}" for key, item in value.items() if key not in ("name", "model")]
    return f"  ({', '.join(settings)})" if settings else ""
