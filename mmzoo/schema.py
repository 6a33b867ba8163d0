"""Validates mappings with pydantic models made from signatures, and explains errors in one sentence.

Component configs, dataset arguments, other libraries' configs and training recipes all go through `check`. Nothing in
a mapping causes an import or runs code.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import math
import re
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from mmzoo.errors import ConfigError, ConfigTypeError, PluginError, UnknownKeyError
from mmzoo.registry.names import did_you_mean, show, suggestions


class Keys(BaseModel):
    """Base of all schemas. Unknown keys are errors; the only conversions are int to float and list to tuple."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Checked = TypeVar("Checked", bound=Keys)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A checked configuration: all keys as JSON (`config`), and as the constructor takes them (`arguments`)."""

    config: dict[str, Any]
    arguments: dict[str, Any]


# --- messages ----------------------------------------------------------------------------------------


def join(prefix: str, key: Any) -> str:
    """A dotted key for a message; a key with unusual characters is quoted."""
    word = key if isinstance(key, str) and key.replace("-", "_").isidentifier() else show(key)
    return f"{prefix}.{word}" if prefix else word


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: similar known words, else the known words."""
    known = list(known)
    if similar := suggestions(word, known):
        return did_you_mean(similar)
    if not known:
        return "there are none."
    return "there are " + ", ".join(known[:12]) + (" and others." if len(known) > 12 else ".")


def first_line(error: BaseException) -> str:
    """The first line of another library's error, without a period, for use in parentheses."""
    text = str(error).strip().splitlines()
    return (f"{type(error).__name__}: {text[0]}" if text else type(error).__name__).rstrip(".")


def type_name(annotation: Any) -> str:
    """An annotation in the words of messages: `int or null`, `list[int]`, `'a' or 'b'`."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None) or annotation is None:
        return "null"
    if origin is Annotated:
        return type_name(inner[0])
    if origin is Literal:
        return " or ".join(repr(choice) for choice in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(part) for part in inner)
    if origin in (list, Sequence):
        return f"list[{type_name(inner[0])}]"
    if origin is None and isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")


# --- signatures --------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def schema_of(target: Callable[..., Any]) -> type[Keys]:
    """The schema of a component class, function or method: its keyword-only, annotated arguments.

    Each field has the argument's name as its alias, because pydantic reserves names such as `copy` and `json`.

    Raises:
        PluginError: An argument is not keyword-only, or its annotation is missing or not a JSON type.
    """
    function = inspect.unwrap(target.__init__ if isinstance(target, type) else target)  # type: ignore[misc]
    if getattr(function, "__module__", "builtins").partition(".")[0] in {"torch", "builtins"}:
        return Keys  # a class without a constructor of its own
    where, fields = f"{target.__module__}.{target.__qualname__}", dict[str, Any]()
    parameters = list(inspect.signature(function).parameters.items())
    method = isinstance(target, type) or (bool(parameters) and parameters[0][0] == "self")
    for name, parameter in parameters[method:]:
        default, annotation = parameter.default, parameter.annotation
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise PluginError(f"The argument {name!r} of {where} must be keyword-only; put `*` before it.")
        try:  # one at a time, because the return type may be imported for type checkers only
            holder = types.SimpleNamespace(__annotations__={name: annotation})
            annotation = typing.get_type_hints(holder, globalns=function.__globals__, include_extras=True)[name]
        except Exception as error:
            raise PluginError(
                f"The annotation of {name!r} of {where} cannot be read ({first_line(error)}); import the types that it"
                " names at run time."
            ) from error
        if annotation is parameter.empty or not _supported(annotation):
            given = "has no type" if annotation is parameter.empty else f"is annotated {type_name(annotation)}"
            raise PluginError(
                f"The argument {name!r} of {where} {given}; a config value is an int, float, str, bool, list, tuple,"
                " dict, Literal or a union of these."
            )
        fields[f"key_{name}"] = (_exact(annotation), Field(... if default is parameter.empty else default, alias=name))
    return create_model(target.__qualname__, __base__=Keys, **fields)


def keys_of(schema: type[BaseModel], steps: Iterable[str | int] = ()) -> dict[str, FieldInfo]:
    """The keys of a schema, or of the nested schema at the end of `steps`."""
    for step in steps:
        schema = nested_schema(schema.model_fields[str(step)].annotation) or Keys
    return {field.alias or name: field for name, field in schema.model_fields.items()}


def nested_schema(annotation: Any) -> type[Keys] | None:
    """The schema in an annotation, which may be a union; None if there is none."""
    options = (annotation, *typing.get_args(annotation))
    return next((option for option in options if isinstance(option, type) and issubclass(option, Keys)), None)


def arguments_of(target: Callable[..., Any]) -> dict[str, FieldInfo]:
    """The config keys of a component class or function, with annotations and defaults."""
    return keys_of(schema_of(target))


_PLAIN = (int, float, str, bool, type(None), None)


def _exact(annotation: Any) -> Any:
    """The annotation with every Literal in it exact: to pydantic, True and 1.0 are choices of Literal[1] too."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return Annotated[annotation, BeforeValidator(functools.partial(_member, annotation))]
    if "Literal" not in str(annotation):
        return annotation
    parts = tuple(part if part is Ellipsis else _exact(part) for part in inner)
    return Union[parts] if origin in (Union, types.UnionType) else origin[parts]  # noqa: UP007


def _supported(annotation: Any) -> bool:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return annotation in (Any, list, tuple, dict, *_PLAIN)
    if origin is Literal:
        return all(type(choice) in _PLAIN for choice in inner)
    if origin is Annotated:  # with a range, see mmzoo.interfaces.bounds
        return _supported(inner[0])
    if origin in (dict, Mapping):
        return inner[0] is str and _supported(inner[1])
    containers = (Union, types.UnionType, list, tuple, Sequence)
    return origin in containers and all(part is Ellipsis or _supported(part) for part in inner)


def _member(annotation: Any, value: Any) -> Any:
    """The value if it is a choice of a Literal; unlike pydantic, reject True and 1.0 for Literal[1]."""
    if any(type(value) is type(choice) and value == choice for choice in typing.get_args(annotation)):
        return value
    raise ValueError(f"must be {type_name(annotation)}")


# --- checking ----------------------------------------------------------------------------------------


def resolve(target: Callable[..., Any], given: Mapping[str, Any], *, path: str, label: str = "") -> Resolved:
    """Check a config against the arguments of a component class or function, and fill in the defaults.

    Args:
        target: The class or function. Old keys in its mapping `renamed`, if any, are accepted with a warning.
        given: The config.
        path: Dotted path of the config, for messages.
        label: Name of the component in messages.

    Raises:
        UnknownKeyError: The target does not have a key.
        ConfigTypeError: A value has the wrong type.
        ConfigError: A required key is missing, or a key is given by both its old and new name.
        PluginError: The target's signature is not a schema.
    """
    label = label or target.__name__
    schema = schema_of(target)
    given = renamed_keys(target, given, path=path, label=label)
    checked = check(schema, given, path=path, label=label)
    arguments = {str(field.alias): getattr(checked, name) for name, field in schema.model_fields.items()}
    config = {name: to_json(value, join(path, name), label) for name, value in arguments.items()}
    return Resolved(config, arguments)


def renamed_keys(target: Any, given: Mapping[str, Any], *, path: str, label: str) -> Mapping[str, Any]:
    """The config with the old keys in the target's `renamed` mapping replaced by the new ones."""
    renamed: Mapping[str, str] = getattr(target, "renamed", {})
    for old in [key for key in given if key in renamed]:
        new, dotted = renamed[old], join(path, old)
        if new in given:
            raise ConfigError(f"{dotted} of {label} is the old name of {new}; give only {new}.", path=dotted)
        warnings.warn(
            f"The key {dotted} of {label} is now called {new}; rename it, the next release will reject {old}.",
            FutureWarning,
            stacklevel=2,
        )
        given = {new if key == old else key: value for key, value in given.items()}
    return given


def check(schema: type[Checked], given: Mapping[str, Any], *, path: str, label: str) -> Checked:
    """Validate a mapping. Raises UnknownKeyError, ConfigTypeError or ConfigError with the dotted path."""
    try:
        value = to_json(given, path, label)
        # As JSON, because only there does strict pydantic accept lists for tuples.
        return schema.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise _explained(error, schema, value, path, label) from None
    except (RecursionError, ValueError) as error:  # ValueError: an int with more digits than Python prints
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else first_line(error)
        raise ConfigTypeError(f"{_place(path, label)} cannot be read: {reason}.", path=path) from None


def to_json(value: Any, path: str, label: str) -> Any:
    """A copy of a value in JSON types: tuples and arrays become lists. Raises ConfigTypeError for other types."""
    if hasattr(value, "tolist"):  # a number or an array of numpy or torch
        value = value.tolist()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            _reject(path, label, "a mapping with string keys", value)
        return {key: to_json(item, join(path, key), label) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item, f"{path}[{i}]", label) for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        _reject(path, label, "a finite number", value)
    if not isinstance(value, (bool, int, float, str, type(None))):
        _reject(path, label, "a JSON value", value)
    return value


def _place(path: str, label: str) -> str:
    return f"{path} of {label}" if path else label


def _reject(path: str, label: str, expected: str, value: Any) -> typing.NoReturn:
    raise ConfigTypeError(f"{_place(path, label)} must be {expected}, not {show(value)}.", path=path)


def _explained(error: ValidationError, schema: type[Keys], value: Any, path: str, label: str) -> ConfigError:
    """The first problem as one sentence; unknown keys come first."""
    problems = error.errors(include_url=False, include_context=False)
    problem = min(problems, key=lambda candidate: candidate["type"] != "extra_forbidden")
    rest = list(problem["loc"])
    with contextlib.suppress(LookupError, TypeError):  # a missing key, or pydantic's name for a member of a union
        while rest:
            value = value[rest[0]]
            step = rest.pop(0)
            path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    if problem["type"] == "extra_forbidden":
        *outer, last = problem["loc"]
        hint = suggestion(str(last), keys_of(schema, outer))
        return UnknownKeyError(f"Unknown key {path} for {label}: {hint}", path=path)
    if problem["type"] == "missing" and isinstance(rest[0], str):
        path, kind = join(path, rest[0]), type_name(keys_of(schema, problem["loc"][:-1])[rest[0]].annotation)
        return ConfigError(f"{label} needs the key {path} ({kind}), which is missing; add it.", path=path)
    expected = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if problem["type"] == "missing":
        expected = "must be longer"
    elif rest:
        common = problem["loc"][: -len(rest)]
        members = [str(other["loc"][len(common)]) for other in problems if other["loc"][: len(common)] == common]
        members = [re.sub(r"^function-before\[.*?, (.*)\]$", r"\1", member) for member in members]
        expected = f"must be {' or '.join(dict.fromkeys(members))}"
    expected = expected.replace("a valid array", "a list").replace("an object", "a mapping")
    if not expected.startswith("must"):
        return ConfigTypeError(f"{_place(path, label)} is wrong: {expected}.", path=path)
    return ConfigTypeError(f"{_place(path, label)} {expected}, not {show(value)}.", path=path)
