"""What every verb does: it names the nearest argument if one is misspelled, and paces torch's threads."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from mmzoo.interfaces.threads import UNPACED, paced

P = ParamSpec("P")
R = TypeVar("R")


def hinted(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose TypeError for an unknown keyword names the nearest that there is."""
    kinds = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in kinds.values()):
        return function
    known = frozenset(name for name, parameter in kinds.items() if parameter.kind is not parameter.POSITIONAL_ONLY)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs and not known.issuperset(kwargs):
            unknown = next(name for name in kwargs if name not in known)
            near = difflib.get_close_matches(unknown, known - {"self", "cls"}, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function.__qualname__}() got an unexpected keyword argument {unknown!r}{hint}")
        return function(*args, **kwargs)

    return checked


class Verbs:
    """Base of classes whose public methods and `__call__` are `hinted` and `paced`."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Make verbs of the public methods."""
        super().__init_subclass__(**options)
        for name, verb in list(vars(cls).items()):
            if inspect.isfunction(verb) and (name == "__call__" or not name.startswith("_")):
                setattr(cls, name, hinted(verb if name in UNPACED else paced(verb)))


C = TypeVar("C", bound=type)


def hinted_class(cls: C) -> C:
    """The class, whose constructor is `hinted`."""
    setattr(cls, "__init__", hinted(cls.__init__))  # type: ignore[misc]  # noqa: B010
    return cls
