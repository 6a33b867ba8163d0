"""Annotations of constructor arguments with a range, which is checked before a component is built.

`dim: Size` is an int that must be at least 1; a config with `dim=0` is an error that names the key and the range.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval

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
