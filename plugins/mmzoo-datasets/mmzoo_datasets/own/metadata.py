"""Reads tables: csv, tsv, jsonl, json, parquet and lines of text, among them the metadata of folders."""

from __future__ import annotations

import codecs
import csv
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import DataError
from mmzoo_datasets.own.files import walk

FILE_NAME = "file_name"
FILE_NAMES = (FILE_NAME, "filename", "file", "file_path", "filepath", "path")
"""The names under which the column of files is looked for, in this order."""
NAMES = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.json", "metadata.parquet")
TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
_SEPARATORS = ",;\t|"
_log = logging.getLogger("mmzoo.datasets")
Line = dict[str, Any]


def read_metadata(root: Path, *names: str) -> dict[Path, tuple[str, list[Line]]]:
    """The metadata files of a folder and those below it: for each the column of files, and the lines.

    A file without such a column is something else; a warning names it.

    Args:
        root: The folder.
        names: Names of the column of files that go before the usual ones.
    """
    found = {}
    for path in walk(root):
        if path.name.lower() not in NAMES:
            continue
        lines = read_table(path)
        columns = list(dict.fromkeys(column for line in lines for column in line))
        lower = {column.lower(): column for column in reversed(columns)}
        column = next((lower[name.lower()] for name in (*names, *FILE_NAMES) if name.lower() in lower), None)
        if column is not None:
            found[path] = column, lines
        else:
            what = f"its columns are {', '.join(columns)}" if columns else "it has no rows"
            _log.warning("%s is ignored: it has no column %s; %s.", path, FILE_NAME, what[:200])
    return found


def read_table(path: Path) -> list[Line]:
    """The rows of a csv, tsv, jsonl, json, parquet or txt file as mappings; DataError names the malformed line."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            from pyarrow import parquet

            return list(parquet.read_table(path).to_pylist())
        content = path.read_bytes()
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8.") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error}.") from error
    except ValueError as error:  # pyarrow's errors are ValueErrors
        raise DataError(f"{path} is not a parquet file: {error}.") from error
    if suffix == ".txt":
        return [{"text": line.strip()} for line in text.splitlines() if line.strip()]
    if suffix in (".csv", ".tsv"):
        return _csv(path, text)
    return _array(path, text) if text.lstrip().startswith("[") else _jsonl(path, text)


def separator(path: Path, text: str) -> str:
    """What separates the values of a csv or tsv file: the most frequent of the usual marks in its first line."""
    first = text.lstrip("\r\n").partition("\n")[0]
    return "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)


def _csv(path: Path, text: str) -> list[Line]:
    """The rows; columns without a name, such as a table's index, are left out."""
    mark = separator(path, text)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=mark, strict=True)
    try:
        names = [name.strip() for name in next((row for row in reader if row), [])]
        named = [name for name in names if name]
        if len(set(named)) != len(named) or not named:
            raise DataError(f"{path} must begin with a line of distinct column names, not {mark.join(names)[:80]!r}.")
        lines = []
        for row in reader:
            if row and len(row) != len(names):
                raise DataError(
                    f"{path}, line {reader.line_num}: expected {len(names)} values, one per column, and found"
                    f" {len(row)}; a value with {mark!r} in it must be in quotation marks."
                )
            if row:
                lines.append({name: value for name, value in zip(names, row, strict=True) if name})
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}.") from error
    return lines


def _jsonl(path: Path, text: str) -> list[Line]:
    lines: list[Line] = []
    for number, one in enumerate(text.split("\n"), start=1):
        if not one.strip():
            continue
        try:
            line = json.loads(one)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error}); expected one object per line.") from error
        lines.append(_object(line, f"{path}, line {number}"))
    return lines


def _array(path: Path, text: str) -> list[Line]:
    try:
        items = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error
    return [_object(item, f"{path}, item {number}") for number, item in enumerate(items, start=1)]


def _object(line: Any, where: str) -> Line:
    if not isinstance(line, Mapping):
        raise DataError(f'{where}: expected an object such as {{"{FILE_NAME}": ...}}.')
    return dict(line)


def file_in(folder: Path, name: Any, where: str) -> Path:
    """The file that a table names, relative to the table's folder or absolute, and inside it; DataError otherwise."""
    text = str(name or "").replace("\\", "/")
    path = Path(text)
    for whole in (path, path.parent.resolve() / path.name) if path.is_absolute() else ():
        if whole.is_relative_to(folder):
            path = whole.relative_to(folder)
            break
    if not text or path.is_absolute() or ".." in path.parts:
        raise DataError(
            f"{where} names the file {text!r}, which must be inside {folder}; to train on files anywhere, give the"
            " table itself as the data."
        )
    return folder / path
