"""The dataset `tokens`: what `mmzoo tokenize` wrote."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mmzoo.data import cache_dir
from mmzoo.data.jobs import finished_shards, read_manifest
from mmzoo.data.shards import open_shards
from mmzoo.data.tokens import ERROR, KIND
from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_log = logging.getLogger("mmzoo.datasets")


def tokens(*, path: str) -> DatasetDict:
    """The rows of a folder that `mmzoo tokenize` wrote, with the columns `codes`, `grid` and `tokenizer`.

    Its splits are those that were encoded. Rows that the tokenizer refused are left out.

    Args:
        path: The folder.

    Raises:
        DataError: The folder holds something else, or shards are missing or damaged.
    """
    from datasets import DatasetDict, Features
    from pyarrow import parquet

    folder = Path(path).expanduser().resolve()
    if (manifest := read_manifest(folder)) is None or manifest.get("kind") != KIND:
        raise DataError(f"{folder} holds no codes; give a folder that `mmzoo tokenize --output` wrote.")
    shards = finished_shards(folder)
    features = Features.from_arrow_schema(parquet.read_schema(next(iter(shards.values()))[0]))
    files = {split: [str(shard) for shard in some] for split, some in shards.items()}
    splits = open_shards(files, features, folder, cache_dir() / "arrow")
    return DatasetDict({split: _good(rows, f"{folder} ({split})") for split, rows in splits.items()})


def _good(rows: Dataset, source: str) -> Dataset:
    """The rows without errors."""
    kept = [index for index, error in enumerate(rows[ERROR]) if error is None]
    if len(kept) < len(rows):
        _log.warning(
            "%d of %d rows of %s could not be encoded and are left out.", len(rows) - len(kept), len(rows), source
        )
        rows = rows.select(kept)
    return rows.remove_columns(ERROR)
