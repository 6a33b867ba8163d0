"""Judges by name: what reads or hears a model's output and had no part in its training."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmzoo.errors import InputError, MissingPluginError, MmzooError, PluginError, UnknownNameError
from mmzoo.registry import catalog, load_target
from mmzoo.registry.specs import ComponentSpec
from mmzoo.registry.targets import check_requirements
from mmzoo.schema import first_line


def load_judge(name: str) -> Any:
    """Create a registered judge.

    Args:
        name: Its name, or `NAME:ARGUMENT`, such as `whisper:/path/of/weights`, for one that takes an argument.

    Raises:
        UnknownNameError: No judge has this name.
        InputError: It takes no argument.
        MissingDependencyError: A package that it requires is not installed.
        PluginError: It cannot be created.
    """
    spec, argument = judge_spec(name)
    check_requirements(spec)
    judge: Any = load_target(spec)
    if argument is not None and not inspect.signature(judge).parameters:
        raise InputError(f"The judge {spec.name!r} takes no argument; leave out {':' + argument[:80]!r}.")
    try:
        return judge() if argument is None else judge(argument)
    except MmzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"The judge {spec.name!r} of the plugin {spec.plugin} cannot be created ({first_line(error)}); report it to"
            " the plugin's author.",
            plugin=spec.plugin,
        ) from error


def judge_spec(name: str) -> tuple[ComponentSpec, str | None]:
    """The registered judge, and the argument behind its name, if any.

    Raises:
        UnknownNameError: No judge has this name.
        MissingPluginError: The plugin that the name begins with is not installed.
    """
    known = catalog()
    refusal: UnknownNameError | MissingPluginError | None = None
    for end in _ends(name):
        try:
            return known.component("judge", name[:end]), name[end + 1 :] or None
        except (UnknownNameError, MissingPluginError) as error:
            # Of `whispr:/weights`, the shortest form is the misspelled name; of `acme:reader`, the longest is.
            if refusal is None or (isinstance(error, UnknownNameError) and error.suggestions):
                refusal = error
    assert refusal is not None
    raise refusal


def judge_label(name: str) -> str:
    """The name of a judge as reports mention it: without the folder of its argument."""
    spec, argument = judge_spec(name)
    return spec.name if argument is None else f"{spec.name}:{Path(argument).name}"


def ready_judge(name: str) -> Any:
    """A judge that can be used at once: what it has to download is here.

    Raises what `load_judge` raises, and what the judge's own `fetch` raises.
    """
    judge = load_judge(name)
    if hasattr(judge, "fetch"):
        judge.fetch()
    return judge


def ready_judges(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Which of these judges can be used here, and why the others cannot.

    Raises:
        MmzooError: None of them can be used.
    """
    ready: list[str] = []
    missing: dict[str, MmzooError] = {}
    for name in names:
        try:
            ready_judge(name)
        except MmzooError as error:
            missing[name] = error
        else:
            ready.append(name)
    if missing and not ready:
        raise next(iter(missing.values()))
    return ready, {name: str(error) for name, error in missing.items()}


def _ends(name: str) -> Iterator[int]:
    """Where the name of a judge may end: the longest first, since a qualified name has a colon itself."""
    yield len(name)
    end = name.rfind(":")
    while end > 0:
        yield end
        end = name.rfind(":", 0, end)
