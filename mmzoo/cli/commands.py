"""Which commands there are: mmzoo's own and those of plugins, as specs whose functions are not yet imported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mmzoo.errors import UnknownNameError
from mmzoo.registry.index import catalog
from mmzoo.registry.names import did_you_mean, suggestions
from mmzoo.registry.specs import ComponentSpec


def _own(name: str, function: str, summary: str) -> ComponentSpec:
    return ComponentSpec("command", name, f"mmzoo.cli.{name}:{function}", summary, "mmzoo")


OWN: Mapping[str, ComponentSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            _own("list", "LIST", "List models, or components with --components"),
            _own("show", "SHOW", "Show all that is registered about a model or component"),
            _own("which", "WHICH", "Tell which plugin supplies a name, its file, and every rival"),
            _own("plugins", "PLUGINS", "List plugins, start a new one, switch one on or off"),
            _own("doctor", "DOCTOR", "Check the installation and explain what is wrong"),
            _own("train", "train", "Train a model from a recipe, or go on where a training stopped"),
            _own("evaluate", "evaluate", "Measure a model and write its evaluation.json"),
            _own("card", "card", "Write or check the card and golden outputs of a model repo"),
            _own("pull", "pull", "Fetch a model, and those it is made of, from the Hub"),
            _own("verify", "verify", "Check a model's files and what it computes"),
            _own("convert", "convert", "Write a model as another library lays it out, or the other way"),
            _own("push", "push", "Publish a model on the Hub"),
            _own("lock", "lock", "Write which files and plugins some models are"),
            ComponentSpec("command", "sync", "mmzoo.cli.lock:sync", "Fetch what a lock file says, or refuse", "mmzoo"),
            _own("cache", "CACHE", "List, measure or remove downloaded models"),
        )
    }
)


def all_commands() -> list[ComponentSpec]:
    """mmzoo's own commands, then those of plugins; a plugin's is named as it must be typed."""
    known = catalog()
    return [*OWN.values(), *(spec for spec in known.components("command") if not spec.deprecated)]


def typed(spec: ComponentSpec) -> str:
    """The word by which a command is called; a name that is taken is typed with its distribution."""
    if spec.plugin == "mmzoo":
        return spec.name
    return f"{spec.plugin}:{spec.name}" if spec.name in OWN else catalog().written(spec)


def find_command(name: str) -> ComponentSpec:
    """The command of this name. Raises UnknownNameError with suggestions, and what the registry raises."""
    if name in OWN:
        return OWN[name]
    try:
        return catalog().component("command", name)
    except UnknownNameError as error:
        close = suggestions(name, [typed(spec) for spec in all_commands()])
        told = did_you_mean(close) or "`mmzoo --help` lists the commands."
        raise UnknownNameError(f"There is no command {name[:80]!r}; {told}", name=name, suggestions=close) from error
