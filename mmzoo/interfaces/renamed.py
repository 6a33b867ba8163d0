"""Keeps the old name of a renamed public method for one release."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any


def renamed(old: str, new: str) -> Callable[..., Any]:
    """Make a method that warns and calls the method `new`; assign it to `old` in the class."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"{type(self).__name__}.{old} is now called {new}.", FutureWarning, stacklevel=2)
        return getattr(self, new)(*args, **kwargs)

    method.__name__, method.__doc__ = old, f"The old name of `{new}`."
    return method
