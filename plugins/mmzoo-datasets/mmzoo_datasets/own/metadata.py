"""Reads tables: csv, tsv, jsonl and parquet, among them the metadata of folders with a column `file_name`."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import DataError
from mmzoo_datasets.own.files import walk

FILE_NAME = "file_name"
NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet")
TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
Line = dict[str, Any]


def metadata_files(root: Path) -> list[Path]:
    """The metadata files in a folder and those below it. A csv without `file_name` is something else."""
    return [path for path in walk(root) if path.name.lower() in NAMES and FILE_NAME in column_names(path)]


def column_names(path: Path) -> list[str]:
    """The columns of a table, of which only the beginning is read; none if it is not a table."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            return list(parquet.read_schema(path).names)
        if suffix in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                return next(csv.reader(file, delimiter=_delimiter(path)), [])
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(next((line for line in file if line.strip()), "null"))
        return list(first) if isinstance(first, dict) else []
    except (OSError, ValueError, csv.Error):  # pyarrow's errors are ValueErrors
        return []


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def read_table(path: Path) -> list[Line]:
    """The lines of a csv, tsv, jsonl or parquet file as mappings; DataError names the malformed line."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            return list(parquet.read_table(path).to_pylist())
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix in (".csv", ".tsv"):
                return _csv(path, file)
            return _jsonl(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"Cannot read {path}: {error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not a parquet file: {error}.") from error


def _csv(path: Path, file: Any) -> list[Line]:
    reader = csv.DictReader(file, delimiter=_delimiter(path), strict=True)
    names = reader.fieldnames or []
    if len(set(names)) != len(names) or not names:
        raise DataError(f"{path} must begin with a line of distinct column names, not {','.join(names)[:80]!r}.")
    lines = []
    for line in reader:
        if None in line or None in line.values():
            raise DataError(f"{path}, line {reader.line_num}: expected {len(names)} values, one per column.")
        lines.append(dict(line))
    return lines


def _jsonl(path: Path, file: Any) -> list[Line]:
    lines: list[Line] = []
    for number, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error}); expected one object per line.") from error
        if not isinstance(line, Mapping):
            raise DataError(f'{path}, line {number}: expected an object such as {{"{FILE_NAME}": ...}}.')
        lines.append(dict(line))
    return lines


def file_in(folder: Path, name: Any, where: str) -> Path:
    """The file that a table names, relative to the table's folder and inside it; DataError otherwise."""
    text = str(name or "").replace("\\", "/")
    path = Path(text)
    if not text or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where} names the file {text!r}; it must be a path inside {folder}.")
    return folder / path
