"""The columns of a dataset row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset, Features

COLUMNS = ("id", "text", "audio", "image", "label", "speaker", "split")
"""The columns that every dataset has. It may have any others besides; a head says which it needs."""


def row_features(**others: Any) -> Features:
    """The columns as `datasets` types.

    - audio, image: `{bytes, path}` of an encoded file, decoded by `mmzoo.data`, never by `datasets`.
    - label: the class or content of the row, in the dataset's own terms.

    Args:
        others: Types of further columns, such as `List(Value("string"))`.
    """
    from datasets import Features, Value

    text, blob = Value("string"), {"bytes": Value("binary"), "path": Value("string")}
    files = {"audio": dict(blob), "image": dict(blob)}
    return Features({**{name: files.get(name, text) for name in COLUMNS}, **others})


def make_row(
    *,
    id: str,
    text: str,
    split: str,
    audio: bytes | Path | None = None,
    image: bytes | Path | None = None,
    label: str | None = None,
    speaker: str = "",
    **others: Any,
) -> dict[str, Any]:
    """Make one row. audio and image are an encoded file's bytes or its path; `others` are further columns."""
    return {
        "id": id,
        "text": text,
        "audio": _cell(audio),
        "image": _cell(image),
        "label": label,
        "speaker": speaker,
        "split": split,
        **others,
    }


def to_dataset(rows: Sequence[Mapping[str, Any]], features: Features | None = None) -> Dataset:
    """Rows of `make_row` as a Dataset.

    Args:
        rows: The rows; a column that a row lacks is null there.
        features: The columns and their types; by default those of the rows, with inferred types for further columns.

    Raises:
        DataError: A further column has values of different types.
    """
    from datasets import Dataset

    if features is None:
        known = row_features()
        others = list(dict.fromkeys(name for row in rows for name in row if name not in known))
        inferred: dict[str, Any] = {}
        for name in others:
            try:
                inferred |= Dataset.from_dict({name: [row.get(name) for row in rows]}).features
            except (TypeError, ValueError) as error:  # pyarrow's errors are these
                raise DataError(f"The column {name!r} has values of different types: {error}.") from error
        features = row_features(**inferred)
    return Dataset.from_dict({name: [row.get(name) for row in rows] for name in features}, features=features)


def _cell(file: bytes | Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {"bytes": None, "path": str(file)} if isinstance(file, Path) else {"bytes": file, "path": None}
