"""Checks that a dataset has the columns that a head needs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mmzoo.data.schema import COLUMNS
from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


def require_columns(rows: Dataset, columns: Collection[str], who: str) -> None:
    """Check that the rows have these columns, and a value in at least one row of each.

    Args:
        rows: The rows.
        columns: What is needed.
        who: Who needs it, for the message.

    Raises:
        DataError: A column is missing or empty.
    """
    missing = [name for name in sorted(columns) if name not in rows.column_names or _empty(rows.data.column(name))]
    if not missing:
        return
    filled = [name for name in rows.column_names if name not in missing and not _empty(rows.data.column(name))]
    others = [name for name in filled if name not in COLUMNS]
    if missing[0] in ("audio", "image"):
        others = [name for name in others if _may_hold_files(rows.data.column(name).type)]
    hint = (
        f"if one of these is meant, map it with data.config.columns={{{missing[0]}: {others[0]}}}."
        if others
        else "train on another dataset."
    )
    raise DataError(
        f"{who} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}, which the dataset lacks or has empty;"
        f" it has {', '.join(filled)}; {hint}"
    )


def _may_hold_files(kind: Any) -> bool:
    """Whether a column of this arrow type may hold files or paths."""
    from pyarrow import types

    return any(of(kind) for of in (types.is_struct, types.is_binary, types.is_large_binary, types.is_string))


def _empty(column: Any) -> bool:
    """Whether an arrow column has only nulls, empty texts, empty lists or empty files."""
    import pyarrow
    from pyarrow import compute

    if column.null_count == len(column):
        return True
    kind = column.type
    if pyarrow.types.is_struct(kind) and {"bytes", "path"} <= {field.name for field in kind}:
        return all(_empty(compute.struct_field(column, name)) for name in ("bytes", "path"))
    if pyarrow.types.is_string(kind) or pyarrow.types.is_binary(kind):
        return not compute.any(compute.greater(compute.binary_length(column), 0)).as_py()
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return not compute.any(compute.greater(compute.list_value_length(column), 0)).as_py()
    return False
