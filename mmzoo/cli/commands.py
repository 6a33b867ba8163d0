"""All commands, mmzoo's own and those of plugins, as specs whose functions are not yet imported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mmzoo.errors import UnknownNameError
from mmzoo.registry.index import catalog
from mmzoo.registry.names import did_you_mean, suggestions
from mmzoo.registry.specs import ComponentSpec

OWN: Mapping[str, ComponentSpec] = MappingProxyType(
    {
        name: ComponentSpec("command", name, f"mmzoo.cli.{target}", summary, "mmzoo")
        for name, target, summary in (
            ("list", "list:LIST", "List models, or components with --components"),
            ("show", "show:SHOW", "Show everything that is known about a model or component"),
            ("which", "which:WHICH", "Show which plugin supplies a name, its file, and rivals"),
            ("plugins", "plugins:PLUGINS", "List plugins; create, enable or disable one"),
            ("doctor", "doctor:DOCTOR", "Check the installation and explain problems"),
            ("train", "train:train", "Train a model from a recipe, or resume training"),
            ("plan", "plan:plan", "Say what a training needs: parameters, operations, memory and time"),
            ("generate", "generate:generate", "Make pictures, sounds or texts from prompts, one or a file of them"),
            ("tokenize", "tokenize:tokenize", "Encode a dataset as codes, in shards that trainings read"),
            ("evaluate", "evaluate:evaluate", "Measure a model and write its evaluation.json"),
            ("card", "card:card", "Write or check the card and golden outputs of a model repo"),
            ("pull", "pull:pull", "Download a model, and the models in its slots, from the Hub"),
            ("verify", "verify:verify", "Check a model's files and its outputs"),
            ("convert", "convert:convert", "Convert a model to or from the format of another library"),
            ("export", "export:export", "Write a model as ONNX graphs that run without PyTorch"),
            ("push", "push:push", "Publish a model on the Hub"),
            ("lock", "lock:lock", "Write a lock file with the exact files and plugins of models"),
            ("sync", "lock:sync", "Download and check the models of a lock file"),
            ("cache", "cache:CACHE", "List, measure or remove downloaded models"),
        )
    }
)


def all_commands() -> list[ComponentSpec]:
    """mmzoo's own commands, then those of plugins."""
    known = catalog()
    return [*OWN.values(), *(spec for spec in known.components("command") if not spec.deprecated)]


def typed(spec: ComponentSpec) -> str:
    """What a user types to run a command; a name that is taken is prefixed with its distribution."""
    if spec.plugin == "mmzoo":
        return spec.name
    return f"{spec.plugin}:{spec.name}" if spec.name in OWN else catalog().written(spec)


def find_command(name: str) -> ComponentSpec:
    """The command with this name. Raises UnknownNameError with suggestions."""
    if name in OWN:
        return OWN[name]
    try:
        return catalog().component("command", name)
    except UnknownNameError as error:
        close = suggestions(name, [typed(spec) for spec in all_commands()])
        hint = did_you_mean(close) or "`mmzoo --help` lists the commands."
        raise UnknownNameError(f"There is no command {name[:80]!r}; {hint}", name=name, suggestions=close) from error
