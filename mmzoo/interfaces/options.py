"""Checks of the numbers that callers pass to a model's verbs, the same for all models."""

from __future__ import annotations

import hashlib
import json
import numbers
import secrets
from typing import Any

from mmzoo.errors import InputError
from mmzoo.media.sources import plain_number

LARGEST_SEED = 2**62 - 1
"""Item i of a batch uses seed + i, which must fit into 64 bits."""


def integer(name: str, given: Any, low: int, high: int | None = None) -> int:
    """An option as an int. Raises InputError.

    Args:
        name: The option's name, for messages.
        given: An int, a numpy integer, or an array or tensor of integers without axes.
        low: The smallest value accepted.
        high: The largest value accepted; None for no limit.
    """
    value = plain_number(given)
    if not isinstance(value, int) or isinstance(value, bool) or value < low or (high is not None and value > high):
        range_ = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise InputError(f"{name} must be an integer {range_}, not {given!r}.")
    return value


def number(name: str, given: Any, low: float, high: float) -> float:
    """An option as a float. Raises InputError.

    Args:
        name: The option's name, for messages.
        given: A number, a numpy number, or an array or tensor without axes.
        low: The smallest value accepted.
        high: The largest value accepted.
    """
    value = plain_number(given)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not low <= value <= high:
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, not {given!r}.")
    return float(value)


def seed_of(given: Any, low: int = 0) -> tuple[int, bool]:
    """A seed, and whether it was drawn because the caller gave None; results must then report it. Raises InputError."""
    if given is None:
        return secrets.randbelow(2**32), True
    return integer("seed", given, low, LARGEST_SEED), False


def row_seed(seed: int, row: str) -> int:
    """The seed of one row of a bulk job: a function of the job's seed and the row's id, whatever else is made."""
    digest = hashlib.blake2b(json.dumps([seed, row]).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def seed_note(seed: int, drawn: bool) -> tuple[str, ...]:
    """The note with which a result reports a seed that was drawn, and with which it can be made again."""
    return (f"seed {seed}",) if drawn else ()
