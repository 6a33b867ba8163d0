"""Public methods that changed their name, under the old one for one release."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any


def renamed(old: str, new: str) -> Callable[..., Any]:
    """The method `new` under its old name, which warns.

    Args:
        old: The name to which the result is assigned in the class.
        new: The name of the method that takes its place.
    """

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"{type(self).__name__}.{old} is now called {new}.", FutureWarning, stacklevel=2)
        return getattr(self, new)(*args, **kwargs)

    method.__name__, method.__doc__ = old, f"The old name of `{new}`."
    return method
