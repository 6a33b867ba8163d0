"""Prompts: what a model makes something from, checked against the arguments of its `generate_item`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from mmzoo.composition import check
from mmzoo.data import read_text
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Generates, TaskHead
from mmzoo.interfaces.bounds import PathOfFile
from mmzoo.media.sources import LARGEST_STREAM
from mmzoo.registry.names import show
from mmzoo.resolve import resolve
from mmzoo.schema import arguments_of
from mmzoo.schema import resolve as checked

ID = "id"
PLAIN_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
ALIASES: Mapping[str, tuple[str, ...]] = {"prompt": ("text",), "class": ("label", "text")}
"""Other names of keys: each stands for the first of its keys that a model takes."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One row of a prompts file.

    Args:
        id: Its id, which is also the name of what is made from it.
        keys: The arguments of `generate_item` that it gives, as they are written.
        files: Those that are paths, with the folder to which they are relative.
    """

    id: str
    keys: Mapping[str, Any]
    files: Mapping[str, str]


def generator_class(name: str) -> type[TaskHead]:
    """The class of a model that generates, found without reading its weights.

    Raises:
        InputError: The model generates nothing.
    """
    cls: type[TaskHead] = check(resolve(name)).head.cls
    require_generator(cls, name)
    return cls


def require_generator(model: Any, name: str) -> None:
    """Raise InputError unless a head, or its class, is one that generates."""
    if not isinstance(model, Generates):
        raise InputError(
            f"{name} does not draw, speak or write anything from a prompt; `mmzoo list` shows the tasks of all models."
        )


def needs_nothing(name: str) -> bool:
    """Whether a model makes something from an empty prompt, such as a new text. Raises what `generator_class` does."""
    fields = arguments_of(_method(generator_class(name)))
    return not any(field.is_required() for field in fields.values())


def prompt_of(given: Mapping[str, Any], model: Any, name: str, base: Path = Path(), id: str = "") -> Prompt:
    """The prompt with these keys, checked.

    Args:
        given: The keys and values.
        model: The head, or its class.
        name: The model's name, for messages.
        base: The folder to which paths are relative.
        id: Its id.

    Raises:
        ConfigError: A key is unknown, missing, or has a value of the wrong type.
        InputError: A file does not exist.
    """
    target = _method(model)
    known = arguments_of(target)
    renamed: dict[str, Any] = {}
    for key, value in given.items():
        ours = key if key in known else next((other for other in ALIASES.get(key, ()) if other in known), key)
        if ours in renamed:
            raise ConfigError(f"{key} and {ours} mean the same; give one of them.", path=key)
        renamed[ours] = value
    complete = checked(target, renamed, path="", label=name).arguments
    keys = {key: complete[key] for key in renamed}
    paths = {key: value for key, value in keys.items() if isinstance(value, str) and _takes_file(known[key])}
    return Prompt(id, keys, {key: _file(value, base, key) for key, value in paths.items()})


def read_prompts(given: Any, model: type[TaskHead], name: str, options: Mapping[str, Any], base: Path) -> list[Prompt]:
    """The prompts of a JSONL file: an object for each row, with the arguments of `generate_item` and perhaps an `id`.

    Args:
        given: The file, or an open one.
        model: The class of the model.
        name: The model's name, for messages.
        options: Keys for the rows that do not give them.
        base: The folder to which paths in the file are relative.

    Returns:
        The prompts. A row without an id has its number as its id.

    Raises:
        InputError: The file cannot be read, or a row is wrong; the message names its number.
    """
    text, title = read_text(given, "prompts", LARGEST_STREAM)
    prompts: list[Prompt] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{title}, row {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not JSON ({error}); expected an object such as {{...}} on each line.") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, not {show(row)}.")
        id = row.pop(ID, None)
        id = f"{number:08d}" if id is None else str(id)
        if not PLAIN_ID.fullmatch(id):
            raise InputError(
                f"{where}: the id {show(id)} must be at most 200 letters, digits, `-`, `_` and `.`, because it names a"
                " file."
            )
        if (first := seen.setdefault(id.lower(), number)) != number:  # file names may differ in case only, or not
            raise InputError(f"{where}: the id {id} is that of row {first}; each row needs its own.")
        try:
            given = {key: value for key, value in options.items() if key not in row}
            prompts.append(prompt_of({**given, **row}, model, name, base, id))
        except (ConfigError, InputError) as error:
            raise InputError(f"{where}: {error}") from None
    if not prompts:
        raise InputError(f"{title} has no rows; expected a JSON object on each line.")
    return prompts


def _method(model: Any) -> Callable[..., Any]:
    cls: Any = model if isinstance(model, type) else type(model)
    method: Callable[..., Any] = cls.generate_item
    return method


def _takes_file(field: FieldInfo) -> bool:
    """Whether an argument is annotated `FilePath`, or `FilePath | None`."""
    inner = [mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())]
    return any(isinstance(mark, PathOfFile) for mark in (*field.metadata, *inner))


def _file(given: str, base: Path, key: str) -> str:
    path = base / Path(given).expanduser()
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise InputError(f"{key}: there is no file {str(path)[:200]!r}.")
    return str(path)
