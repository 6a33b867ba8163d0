"""Parameters with one row per name, such as an embedding of voices or the last layer of a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def copy_rows(to: Tensor, names: Sequence[str], source: Tensor, known: Sequence[str]) -> None:
    """Copy the rows of the names that both tensors have.

    Args:
        to: `[len(names), ...]`, changed in place.
        names: The name of each of its rows.
        source: `[len(known), ...]`.
        known: The name of each of its rows.
    """
    rows = {name: row for row, name in enumerate(known)}
    for row, name in enumerate(names):
        if name in rows:
            to[row] = source[rows[name]]


@torch.no_grad()
def copy_leading_rows(to: Tensor, source: Tensor) -> None:
    """Copy all rows of `source` to the first rows of `to`, in place."""
    to[: len(source)] = source
