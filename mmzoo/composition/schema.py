"""The constructor of a component is the schema of its configuration.

Keyword-only, annotated arguments of JSON types are read from the signature; nothing is imported or run
because of what a config says.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

from mmzoo.errors import ConfigError, ConfigTypeError, PluginError, UnknownKeyError

REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Argument:
    """One config key: its type annotation and its default (REQUIRED if it has none)."""

    name: str
    annotation: Any
    default: Any


@dataclass(frozen=True, slots=True)
class Resolved:
    """A checked configuration. config: every key, as JSON. arguments: what the constructor is called with."""

    config: dict[str, Any]
    arguments: dict[str, Any]


def show(value: Any, limit: int = 60) -> str:
    """The repr of a user's value on one line, shortened."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def join(prefix: str, key: Any) -> str:
    """A dotted key for a message; a key with odd characters is quoted."""
    word = key if isinstance(key, str) and key.replace("-", "_").isidentifier() else show(key)
    return f"{prefix}.{word}" if prefix else word


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: what may have been meant, else what there is."""
    from mmzoo.registry.names import did_you_mean, suggestions

    known = list(known)
    if found := suggestions(word, known):
        return did_you_mean(found)
    if not known:
        return "there are none."
    return "there are " + ", ".join(known[:12]) + (" and others." if len(known) > 12 else ".")


def arguments_of(cls: type) -> dict[str, Argument]:
    """The config keys of a component class, from its constructor.

    Raises PluginError when the constructor has positional or variable arguments, or no usable annotations.
    """
    where = f"{cls.__module__}.{cls.__qualname__}"
    constructor = cls.__init__  # type: ignore[misc]
    if _inherits_constructor(cls):
        return {}
    try:
        hints = typing.get_type_hints(constructor)
    except Exception as error:
        raise PluginError(
            f"The constructor of {where} has annotations that cannot be read ({first_line(error)});"
            " import the types they name at run time."
        ) from error
    found: dict[str, Argument] = {}
    for parameter in list(inspect.signature(constructor).parameters.values())[1:]:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise PluginError(
                f"The constructor of {where} takes {parameter.name!r} by position or as a catch-all;"
                " a component's arguments must be keyword-only (put `*` before them)."
            )
        if parameter.name not in hints:
            raise PluginError(
                f"The argument {parameter.name!r} of {where} has no type; annotate it with a JSON type such as int."
            )
        annotation = hints[parameter.name]
        if not _supported(annotation):
            raise PluginError(
                f"The argument {parameter.name!r} of {where} is annotated {type_name(annotation)};"
                " a config value is an int, float, str, bool, list, tuple, dict, Literal or a union of these."
            )
        found[parameter.name] = Argument(parameter.name, annotation, parameter.default)
    return found


def _inherits_constructor(cls: type) -> bool:
    """True when no class of the component defines __init__, so that torch's or Python's own is left."""
    definer = next((base for base in cls.__mro__ if "__init__" in vars(base)), object)
    return definer.__module__.partition(".")[0] in {"torch", "builtins"}


def first_line(error: BaseException) -> str:
    """A foreign error in one line without a full stop, for the brackets of a sentence."""
    text = str(error).strip().splitlines()
    return (f"{type(error).__name__}: {text[0]}" if text else type(error).__name__).rstrip(".")


_PLAIN = (int, float, str, bool, type(None))


def _supported(annotation: Any) -> bool:
    if annotation is Any or annotation in _PLAIN or annotation is None:
        return True
    if annotation in (list, tuple, dict):
        return True
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return all(isinstance(choice, _PLAIN) for choice in inner)
    if origin in (Union, types.UnionType, list, tuple, Sequence):
        return all(part is Ellipsis or _supported(part) for part in inner)
    if origin in (dict, Mapping):
        return inner[0] is str and _supported(inner[1])
    return False


def type_name(annotation: Any) -> str:
    """An annotation as a user would write it: `int | None`, `list[int]`, `'a' or 'b'`."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None) or annotation is None:
        return "null"
    if origin is Literal:
        return " or ".join(repr(choice) for choice in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(part) for part in inner)
    if origin in (list, Sequence):
        return f"list[{type_name(inner[0])}]"
    if origin is None and isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")


def resolve(cls: type, given: Mapping[str, Any], *, path: str, label: str = "") -> Resolved:
    """Check a component's config against its constructor and fill in the defaults.

    path: dotted place of this config, for messages. label: what the component is called there.
    Raises UnknownKeyError, ConfigTypeError, ConfigError (a required key is missing), PluginError.
    """
    known = arguments_of(cls)
    label = label or cls.__name__
    for key in given:
        if key not in known:
            dotted = join(path, key)
            raise UnknownKeyError(
                f"Unknown key {dotted} for {label}: {suggestion(str(key), known)}",
                path=dotted,
            )
    config: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    for name, argument in known.items():
        dotted = join(path, name)
        if name in given:
            arguments[name] = check(given[name], argument.annotation, dotted, label)
        elif argument.default is REQUIRED:
            raise ConfigError(
                f"{label} needs the key {dotted} ({type_name(argument.annotation)}), which is missing; give it.",
                path=dotted,
            )
        else:
            arguments[name] = argument.default
        config[name] = to_json(arguments[name])
    return Resolved(config, arguments)


def to_json(value: Any) -> Any:
    """A checked value as JSON keeps it: tuples become lists; nothing is shared with the original."""
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def check(value: Any, annotation: Any, path: str, label: str) -> Any:
    """The value converted to the annotation (int to float, list to tuple). Raises ConfigTypeError."""
    try:
        return _convert(value, annotation, path)
    except _MismatchError as problem:
        raise ConfigTypeError(
            f"{problem.path} of {label} must be {problem.expected}, not {show(problem.value)}.", path=problem.path
        ) from None
    except RecursionError:
        raise ConfigTypeError(f"{path} of {label} is nested too deeply; use a flat value.", path=path) from None


class _MismatchError(Exception):
    def __init__(self, path: str, expected: str, value: Any) -> None:
        super().__init__(path)
        self.path, self.expected, self.value = path, expected, value


def _convert(value: Any, annotation: Any, path: str) -> Any:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(value, annotation, inner, path)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in inner):
            return value
        raise _MismatchError(path, type_name(annotation), value)
    if annotation is Any:
        return _convert_any(value, path)
    if annotation in _PLAIN or annotation is None:
        return _convert_plain(value, annotation, path)
    container = origin or annotation
    if container in (dict, Mapping):
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise _MismatchError(path, "a mapping with text keys", value)
        kind = inner[1] if inner else Any
        return {key: _convert(item, kind, join(path, key)) for key, item in value.items()}
    return _convert_sequence(value, annotation, container, inner, path)


def _convert_sequence(value: Any, annotation: Any, container: Any, inner: tuple[Any, ...], path: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise _MismatchError(path, type_name(annotation), value)
    if container is tuple and inner and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise _MismatchError(path, f"a list of {len(inner)} values", value)
        kinds: Sequence[Any] = inner
    else:
        kinds = [inner[0] if inner else Any] * len(value)
    items = [_convert(item, kind, f"{path}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True))]
    return items if container is list else tuple(items)


def _convert_union(value: Any, annotation: Any, options: Iterable[Any], path: str) -> Any:
    # An exact type wins over a conversion: with `float | int`, 3 stays an int.
    for option in options:
        if option is type(value):
            return _convert(value, option, path)
    for option in options:
        try:
            return _convert(value, option, path)
        except _MismatchError:
            continue
    raise _MismatchError(path, type_name(annotation), value)


def _convert_plain(value: Any, annotation: Any, path: str) -> Any:
    if annotation is type(None) or annotation is None:
        if value is None:
            return None
        raise _MismatchError(path, "null", value)
    if annotation is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise _MismatchError(path, "a finite float", value) from None
        if math.isfinite(number):
            return number
        raise _MismatchError(path, "a finite float", value)
    # `type(...) is`, because True is an int to isinstance.
    if type(value) is annotation:
        return value
    raise _MismatchError(path, type_name(annotation), value)


def _convert_any(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return _convert(value, dict[str, Any], path)
    if isinstance(value, (list, tuple)):
        return [_convert_any(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if type(value) in _PLAIN and not (isinstance(value, float) and not math.isfinite(value)):
        return value
    raise _MismatchError(path, "a JSON value", value)
