"""Annotations of the arguments of constructors and prompts, which are checked before a component is built or run.

`dim: Size` is an int that must be at least 1; `dim=0`, in a config or a direct call of the class, is an error that
names the key and the range.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Gt, Interval

from mmzoo.errors import ConfigTypeError

Size = Annotated[int, Ge(1)]
"""A width, a stride, a number of codes or heads: at least 1."""
Count = Annotated[int, Ge(0)]
"""A number of blocks or layers that may be 0."""
Weight = Annotated[float, Ge(0)]
"""The weight of a loss: 0 or more."""
Positive = Annotated[float, Gt(0)]
"""A ratio or scale: above 0."""
Fraction = Annotated[float, Interval(ge=0, le=1)]
"""A probability or fraction: from 0 to 1."""


class PathOfFile:
    """Marks the annotation of an argument that is the path of a file."""


FilePath = Annotated[str, PathOfFile()]
"""The path of a picture or sound in a prompt, relative to the file that the prompt is in."""


class Bounded:
    """Base of classes whose constructors check the ranges of their arguments."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check the arguments of a constructor of its own."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", _bounded(cls.__init__, cls.__name__))  # noqa: B010


def _bounded(init: Callable[..., None], label: str) -> Callable[..., None]:
    @functools.wraps(init)
    def checked(self: Any, *args: Any, **kwargs: Any) -> None:
        for name, adapter in _ranges(init).items() if kwargs else ():
            if name in kwargs:
                _check(adapter, name, kwargs[name], label)
        init(self, *args, **kwargs)

    return checked


@functools.cache
def _ranges(init: Callable[..., None]) -> Mapping[str, Any]:
    """A validator for each argument with a range."""
    from pydantic import TypeAdapter

    try:
        hints = typing.get_type_hints(init, include_extras=True)
    except NameError:  # a type that is imported for type checkers only; not the constructor of a registered component
        return {}
    ranged = ("Ge(", "Gt(", "Interval(")
    return {name: TypeAdapter(hint) for name, hint in hints.items() if any(word in repr(hint) for word in ranged)}


def _check(adapter: Any, name: str, value: Any, label: str) -> None:
    from pydantic import ValidationError

    try:
        adapter.validate_python(value)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"].startswith(("greater", "less")):
                expected = problem["msg"].replace("Input should", "must")
                raise ConfigTypeError(f"{name} of {label} {expected}, not {value!r}.", path=name) from None
