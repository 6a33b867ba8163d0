"""The datasets `parquet` and `csv`, and what they share with `hub`: a table of any columns becomes rows of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir, fingerprinted, row_features
from mmzoo.data.shards import quiet_datasets
from mmzoo.errors import DataError
from mmzoo_datasets.own.columns import mapped, plain_label, plain_text, words_of
from mmzoo_datasets.own.files import SPLITS, SUFFIXES, order, walk
from mmzoo_datasets.own.finish import Fit, Part, Rate, Seconds, Settings, Side, finished
from mmzoo_datasets.own.metadata import TABLES, read_table

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

FOLDER = "__folder__"
"""The column of a table that holds the folder to which its paths are relative."""


def parquet(
    *,
    path: str,
    columns: Mapping[str, str] | None = None,
    size: Side | None = None,
    fit: Fit = "crop",
    sample_rate: Rate | None = None,
    clip_seconds: Seconds | None = 30.0,
    validation: Part = 0.05,
    max_unreadable: Part = 0.05,
    seed: int = 0,
) -> DatasetDict:
    """Parquet files of any columns: pictures and sounds as `{bytes, path}` or bytes, texts, classes, numbers.

    Args:
        path: A file, a folder, or a pattern such as `data/*.parquet`; files named after a split are of that split.
        columns: Our names of columns to the table's, such as `{image: img, text: caption}`; usual names are recognized.
        size: Side in pixels to which all pictures are fitted; null leaves that to the model.
        fit: `crop` resizes the shorter side and crops the center, `pad` adds white, `stretch` changes the shape.
        sample_rate: In Hz, to which all sounds are resampled; null leaves that to the model.
        clip_seconds: Longer sounds without a transcript are cut into clips of this length; null keeps them.
        validation: Fraction of the rows for the split validation, if there is none.
        max_unreadable: Largest fraction of files that may be unreadable; these are named in a warning and left out.
        seed: Seed of the choice of validation rows.

    Raises:
        DataError: There are no such files, one is not parquet, or too many of their files cannot be read.
        ConfigError: An argument is out of range, or names a column that does not exist.
    """
    settings = Settings(
        validation=validation, seed=seed, max_unreadable=max_unreadable, size=size, fit=fit,
        sample_rate=sample_rate, clip_seconds=clip_seconds,
    )  # fmt: skip
    return _finished(path, {".parquet"}, _read_parquet, columns, settings)


def csv(
    *,
    path: str,
    columns: Mapping[str, str] | None = None,
    size: Side | None = None,
    fit: Fit = "crop",
    sample_rate: Rate | None = None,
    clip_seconds: Seconds | None = 30.0,
    validation: Part = 0.05,
    max_unreadable: Part = 0.05,
    seed: int = 0,
) -> DatasetDict:
    """A csv, tsv, jsonl or json file, or a txt file with a text on each line.

    Values are separated by commas, semicolons, tabs or bars. Paths of pictures and sounds are relative to the file.

    Args:
        path: A file, a folder, or a pattern. Files named after a split are of that split.
        columns: Our names of columns to the table's, such as `{image: file, text: caption}`; usual names are known.
        size: Side in pixels to which all pictures are fitted; null leaves that to the model.
        fit: `crop` resizes the shorter side and crops the center, `pad` adds white, `stretch` changes the shape.
        sample_rate: In Hz, to which all sounds are resampled; null leaves that to the model.
        clip_seconds: Longer sounds without a transcript are cut into clips of this length; null keeps them.
        validation: Fraction of the rows for the split validation, if there is none.
        max_unreadable: Largest fraction of files that may be unreadable; these are named in a warning and left out.
        seed: Seed of the choice of validation rows.

    Raises:
        DataError: There are no such files, one is malformed, or too many of the files it names cannot be read.
        ConfigError: An argument is out of range, or names a column that does not exist.
    """
    settings = Settings(
        validation=validation, seed=seed, max_unreadable=max_unreadable, size=size, fit=fit,
        sample_rate=sample_rate, clip_seconds=clip_seconds,
    )  # fmt: skip
    return _finished(path, TABLES - {".parquet"}, _read_lines, columns, settings)


def _finished(
    path: str,
    suffixes: Collection[str],
    read: Callable[[list[Path]], Dataset],
    columns: Mapping[str, str] | None,
    settings: Settings,
) -> DatasetDict:
    tables = {split: read(paths) for split, paths in by_split(table_files(path, suffixes)).items()}
    rows = {split: rows_of(table, split, path, columns or {}) for split, table in tables.items()}
    return finished(path, rows, settings)


def table_files(path: str, suffixes: Collection[str]) -> list[Path]:
    """The files of a path, a folder or a pattern, sorted; DataError if there are none."""
    source = Path(path).expanduser()
    if source.is_file():
        return [source.resolve()]
    if source.is_dir():
        found = [file for file in walk(source.resolve()) if file.suffix.lower() in suffixes]
    else:
        anchor = Path(source.anchor or ".")
        pattern = str(source.relative_to(source.anchor)) if source.anchor else str(source)
        found = [file.resolve() for file in anchor.glob(pattern) if file.is_file()] if pattern else []
    if not found:
        what = " or ".join(sorted(suffixes))
        raise DataError(
            f"There are no {what} files at {path}; give a file, a folder or a pattern such as data/*.parquet."
        )
    return sorted(found, key=lambda file: order(file.as_posix()))


def by_split(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each split, by the name of the file or its folder (`test-00000-of-00001`); `train` without such."""
    found: dict[str, list[Path]] = {}
    for file in files:
        word = re.split(r"[-_.]", file.name.lower())[0]
        split = SPLITS.get(word) or SPLITS.get(file.parent.name.lower()) or "train"
        found.setdefault(split, []).append(file)
    if "train" not in found and len(found) == 1:  # a file of its own, whatever its name
        return {"train": next(iter(found.values()))}
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def _read_parquet(paths: Sequence[Path]) -> Dataset:
    from datasets import load_dataset
    from pyarrow import parquet as reader

    for path in paths:
        try:
            reader.read_schema(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is not a parquet file: {str(error).splitlines()[0]}") from error
    names = [str(path) for path in paths]
    try:
        with quiet_datasets():
            table = load_dataset("parquet", data_files={"train": names}, cache_dir=str(cache_dir() / "arrow"))
    except Exception as error:  # datasets wraps whatever pyarrow raises
        raise DataError(f"The parquet files {names[0]} and others cannot be read together: {error}.") from error
    rows = table["train"]
    strings = any(getattr(feature, "dtype", None) == "string" for feature in rows.features.values())
    return rows.add_column(FOLDER, [str(paths[0].parent)] * len(rows)) if strings else rows


def _read_lines(paths: Sequence[Path]) -> Dataset:
    from datasets import Dataset

    lines = [{**line, FOLDER: str(path.parent)} for path in paths for line in read_table(path)]
    if not lines:
        raise DataError(f"{paths[0]} has no rows.")
    names = list(dict.fromkeys(name for line in lines for name in line))
    try:
        return Dataset.from_dict({name: [line.get(name) for line in lines] for name in names})
    except (TypeError, ValueError) as error:  # pyarrow's errors are these
        raise DataError(f"A column of {paths[0]} has values of different types: {error}.") from error


def rows_of(table: Dataset, split: str, source: str, columns: Mapping[str, str]) -> Dataset:
    """The rows of one split: our columns by our names, all others by their own. Files are not copied.

    Args:
        table: Any table; a column FOLDER says what the paths of a row are relative to.
        split: The split's name.
        source: The table, for messages.
        columns: Which column is which of ours.

    Raises:
        DataError: There are no rows, or a column that should hold files does not.
        ConfigError: A column does not exist.
    """
    from datasets import Dataset, Features

    if len(table) == 0:
        raise DataError(f"{source} has no rows in the split {split}.")
    if table._indices is not None:
        table = table.flatten_indices()
    names = mapped([name for name in table.column_names if name != FOLDER], columns, source)
    for kind in SUFFIXES:
        if kind not in names and (theirs := _file_column(table, kind, names)):
            names[kind] = theirs
    values = _values(table, split, {ours: theirs for ours, theirs in names.items() if ours in row_features()})
    for kind in SUFFIXES:
        if kind in names:
            table = _with_cells(table, names[kind], f"{source}, column {names[kind]!r}")
    gone = {FOLDER, *(theirs for ours, theirs in names.items() if ours in values)}
    gone |= {name for name in row_features() if name not in names.values()}
    gone |= {name for name in table.column_names if name.startswith("__")} - set(names.values())
    table = table.remove_columns([name for name in table.column_names if name in gone])
    table = table.rename_columns(
        {theirs: ours for ours, theirs in names.items() if ours not in values and ours != theirs}
    )
    features = row_features()
    if not table.column_names:  # `datasets` adds no column to a table without any
        made = Dataset.from_dict(values, features=Features({name: features[name] for name in values}))
        return fingerprinted(made)
    for name, column in values.items():
        table = table.add_column(name, column, feature=features[name])
    return fingerprinted(table)


def _values(table: Dataset, split: str, names: Mapping[str, str]) -> dict[str, list[Any]]:
    """Our columns that are not files; those that the table lacks are empty."""
    count = len(table)

    def texts(ours: str) -> list[str]:
        return [plain_text(value) for value in table[names[ours]]] if ours in names else [""] * count

    values: dict[str, list[Any]] = {
        "id": texts("id") if "id" in names else [f"{split}-{n:0{len(str(count - 1))}d}" for n in range(count)],
        "text": texts("text"),
        "label": _labels(table, names["label"]) if "label" in names else [None] * count,
        "speaker": texts("speaker"),
        "split": [split] * count,
    }
    if "text" not in names and "label" in names:
        values["text"] = [words_of(label) for label in values["label"]]
    return values | {kind: [None] * count for kind in SUFFIXES if kind not in names}


def _labels(table: Dataset, name: str) -> list[str | None]:
    feature = table.features[name]
    if hasattr(feature, "int2str"):
        return [None if value is None or value < 0 else str(feature.int2str(value)) for value in table[name]]
    return [plain_label(value) for value in table[name]]


def _file_column(table: Dataset, kind: str, names: Mapping[str, str]) -> str | None:
    """The column of pictures or sounds, by its type or by the ends of its paths."""
    from datasets import Audio, Image

    free: list[str] = [name for name in table.column_names if name not in names.values() and name != FOLDER]
    typed = [name for name in free if isinstance(table.features[name], Image if kind == "image" else Audio)]
    if typed:
        return typed[0]
    for name in free:
        if getattr(table.features[name], "dtype", None) == "string":
            first = next((value for value in table[name][:100] if value), "")
            if Path(first).suffix.lower() in SUFFIXES[kind]:
                return name
    return None


def _with_cells(table: Dataset, name: str, where: str) -> Dataset:
    """The table with `{bytes, path}` in a column of pictures, sounds, bytes or paths."""
    import pyarrow as pa
    from datasets import Audio, Image, Value

    feature = table.features[name]
    if isinstance(feature, Image | Audio):
        return table.cast_column(name, type(feature)(decode=False))
    if isinstance(feature, dict) and {"bytes", "path"} <= set(feature):
        return table
    kind = getattr(feature, "dtype", None)
    if kind in ("binary", "large_binary"):
        contents, paths = (
            table.data.column(name).combine_chunks().cast(pa.large_binary()),
            pa.nulls(len(table), pa.string()),
        )
        contents = contents.cast(pa.binary()) if contents.nbytes < 2**31 else contents
    elif kind in ("string", "large_string"):
        if FOLDER not in table.column_names:  # from the Hub, which may not name files of this machine
            first = next((value for value in table[name] if value), "")
            raise DataError(
                f"{where} holds texts such as {first[:60]!r}, not files; map another column with `columns`."
            )
        joined = [_joined(folder, value) for folder, value in zip(table[FOLDER], table[name], strict=True)]
        contents, paths = pa.nulls(len(table), pa.binary()), pa.array(joined, pa.string())
    else:
        raise DataError(f"{where} holds {feature}, not encoded files or their paths.")
    cells = pa.StructArray.from_arrays([contents, paths], ["bytes", "path"])
    types = {"bytes": Value(str(contents.type)), "path": Value("string")}
    return table.remove_columns(name).add_column(name, cells, feature=types)


def _joined(folder: str, path: str | None) -> str | None:
    """A path in a table, which is relative to the table's folder."""
    return str(Path(folder, path.replace("\\", "/")).expanduser()) if path else None
