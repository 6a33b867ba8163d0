"""The datasets `image-folder` and `audio-folder`: the files of a folder, with or without a table of metadata."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import fingerprinted, make_row, to_dataset
from mmzoo.data.shards import Row
from mmzoo.errors import ConfigError, DataError
from mmzoo_datasets.own.columns import mapped, plain_label, plain_text, words_of
from mmzoo_datasets.own.files import SUFFIXES, folder, of_kind, order, splits
from mmzoo_datasets.own.finish import Fit, Part, Rate, Seconds, Settings, Side, finished
from mmzoo_datasets.own.metadata import Line, file_in, read_metadata
from mmzoo_datasets.spoken_phones import Aligner, with_phones

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_log = logging.getLogger("mmzoo.datasets")
PHONEMIZER = "phonemizer-en"
WHAT = {"image": "pictures", "audio": "sounds"}


def image_folder(
    *,
    root: str,
    columns: Mapping[str, str] | None = None,
    size: Side | None = None,
    fit: Fit = "crop",
    validation: Part = 0.05,
    max_unreadable: Part = 0.05,
    seed: int = 0,
) -> DatasetDict:
    """The pictures of a folder and of those below it; nothing is copied unless a size is given.

    With `metadata.csv`, `.tsv`, `.jsonl`, `.json` or `.parquet`, each of its rows is one of the dataset; its column
    `file_name` is relative to it. Without one, the first folder below root is the label, and `NAME.txt` beside a
    picture is its text. Subfolders `train`, `validation` and `test` are splits. Hidden files are ignored.

    Args:
        root: The folder.
        columns: Our names of columns to those of the metadata, such as `{text: caption}`; usual names are recognized.
        size: Side in pixels to which all pictures are fitted; null leaves that to the model.
        fit: `crop` resizes the shorter side and crops the center, `pad` adds white, `stretch` changes the shape.
        validation: Fraction of the rows for the split validation, if there is none.
        max_unreadable: Largest fraction of files that may be unreadable; these are named in a warning and left out.
        seed: Seed of the choice of validation rows.

    Raises:
        DataError: There are no pictures, too many cannot be read, or the metadata is malformed.
        ConfigError: An argument is out of range.
    """
    settings = Settings(validation=validation, seed=seed, max_unreadable=max_unreadable, size=size, fit=fit)
    source = folder(root, "image-folder")
    return finished(str(source), folder_splits(source, "image", columns or {}), settings)


def folder_splits(source: Path, kind: str, columns: Mapping[str, str], speaker: str = "") -> dict[str, Dataset]:
    """The rows of each split of a folder; kind is image or audio."""
    given = [columns[kind]] if kind in columns else []
    tables = read_metadata(source, *given, kind)
    if kind in columns and not any(column == columns[kind] for column, _ in tables.values()):
        raise ConfigError(
            f"No metadata file in {source} has the column {columns[kind]!r}, which columns.{kind} names.",
            path=f"columns.{kind}",
        )
    others = {ours: theirs for ours, theirs in columns.items() if ours != kind}
    described = [row for table, (column, lines) in tables.items() for row in _described(table, column, lines, others)]
    places = splits(source)
    trained = (path.relative_to(places["train"]) for path in of_kind(places["train"], SUFFIXES[kind]))
    # The folders of the training split decide, because another split may lack a class.
    classes = len({path.parts[0] for path in trained if len(path.parts) > 1}) > 1
    made = {}
    for split, place in places.items():
        files = of_kind(place, SUFFIXES[kind])
        here = [(path, cells) for path, cells in described if path.is_relative_to(place)]
        rows = [_row(place, path, split, kind, **cells) for path, cells in here]
        rows = rows or _listed(place, split, kind, files, classes=classes)
        if not rows:
            raise DataError(
                f"{place} has no {WHAT[kind]}; files must end in one of {' '.join(sorted(SUFFIXES[kind]))}."
            )
        named = {path for path, _ in here}
        if here and (left := [path for path in files if path not in named]):
            _log.warning(
                "%d of %d files in %s are not in %s and are left out; the first is %s.",
                len(left), len(files), place, " or ".join(str(table) for table in list(tables)[:2]), left[0],
            )  # fmt: skip
        rows = [{**row, "speaker": row["speaker"] or speaker} for row in rows]
        made[split] = fingerprinted(to_dataset(rows))
    return made


def _listed(place: Path, split: str, kind: str, files: list[Path], *, classes: bool) -> list[Row]:
    """The rows of files without metadata, whose folders may be their classes."""
    rows = []
    for path in files:
        inside = path.relative_to(place)
        label = order(inside.parts[0]) if classes and len(inside.parts) > 1 else None
        rows.append(_row(place, path, split, kind, label=label, text=_text_beside(path) or words_of(label)))
    return rows


def _described(
    table: Path, column: str, lines: list[Line], columns: Mapping[str, str]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file of each line of a table, and its cells by our names."""
    present = [name for name in dict.fromkeys(name for line in lines for name in line) if name != column]
    known = mapped(present, columns, str(table))
    free = [name for name in present if name not in SPECIAL and name not in known.values()]
    for number, line in enumerate(lines, start=1):
        cells = {ours: line.get(theirs) for ours, theirs in known.items() if ours not in SPECIAL}
        cells |= {name: line.get(name) for name in free}
        label = plain_label(line.get(known["label"])) if "label" in known else None
        cells["label"] = label
        cells["text"] = plain_text(line.get(known["text"])) if "text" in known else words_of(label)
        cells["speaker"] = plain_text(line.get(known["speaker"])) if "speaker" in known else ""
        yield file_in(table.parent, line.get(column), f"{table}, row {number},"), cells


SPECIAL = ("id", "text", "label", "speaker", "image", "audio", "split")


def _row(place: Path, path: Path, split: str, kind: str, **cells: Any) -> Row:
    name = order(path.relative_to(place).with_suffix("").as_posix())
    files: dict[str, Any] = {kind: path}
    return make_row(id=name, split=split, **files, **cells)


def _text_beside(path: Path) -> str:
    beside = path.with_suffix(".txt")
    try:
        return plain_text(beside.read_text("utf-8-sig")) if beside.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {beside}, the text of {path.name}: {error}.") from error


def audio_folder(
    *,
    root: str,
    columns: Mapping[str, str] | None = None,
    speaker: str = "",
    phonemizer: str | None = PHONEMIZER,
    aligner: Aligner = "pocketsphinx",
    needs: Sequence[str] = (),
    sample_rate: Rate | None = None,
    clip_seconds: Seconds | None = 30.0,
    validation: Part = 0.05,
    max_unreadable: Part = 0.05,
    seed: int = 0,
) -> DatasetDict:
    """The sounds of a folder and of those below it, like `image-folder`; `NAME.txt` beside a sound is what it says.

    Args:
        root: The folder.
        columns: Our names of columns to those of the metadata, as in `image-folder`.
        speaker: The speaker of rows for which the metadata names none.
        phonemizer: The model that pronounces words for the column `phones`; null leaves out texts with unknown words.
        aligner: What finds the times of phones: `pocketsphinx` for English, or `learned`, which learns them from these
            recordings, of any language, and whose phones are those of the phonemizer, or of a column `phones`.
        needs: The columns that the model needs; training sets it. If `phones` is one, texts are aligned.
        sample_rate: In Hz, to which all sounds are resampled; null leaves that to the model. Channels are averaged.
        clip_seconds: Longer sounds without a transcript are cut into clips of this length; null keeps them.
        validation: Fraction of the rows for the split validation, if there is none.
        max_unreadable: Largest fraction of files that may be unreadable; these are named in a warning and left out.
        seed: Seed of the choice of validation rows.

    Raises:
        DataError: There are no sounds, too many cannot be read, the metadata is malformed, or phones are needed and no
            text can be aligned.
        ConfigError: An argument is out of range.
    """
    settings = Settings(
        validation=validation, seed=seed, max_unreadable=max_unreadable, sample_rate=sample_rate,
        clip_seconds=clip_seconds,
    )  # fmt: skip
    source = folder(root, "audio-folder")
    splits = folder_splits(source, "audio", columns or {}, speaker)
    return finished(str(source), splits, settings, phones_if_needed(needs, str(source), phonemizer, aligner))


def phones_if_needed(
    needs: Sequence[str], source: str, phonemizer: str | None, aligner: Aligner = "pocketsphinx"
) -> Callable[[Mapping[str, Dataset]], dict[str, Dataset]] | None:
    """What adds the column `phones` to the rows of every split, if it is needed."""
    return partial(with_phones, source=source, phonemizer=phonemizer, aligner=aligner) if "phones" in needs else None
