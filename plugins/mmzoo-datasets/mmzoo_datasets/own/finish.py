"""What all datasets of files have in common: unreadable files, validation rows, sizes, rates and clips."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval

from mmzoo.data import cache_dir, decode_audio, decode_image, encode_audio, encode_image, fit_image, readable
from mmzoo.data.checking import LONGEST_FILE_S
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder
from mmzoo.interfaces import Audio, Size
from mmzoo_datasets.own.columns import words_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Fit = Literal["crop", "pad", "stretch"]
Part = Annotated[float, Interval(ge=0, lt=1)]
"""A fraction that leaves something."""
Side = Annotated[int, Interval(ge=1, le=4096)]
"""In pixels."""
Rate = Annotated[int, Interval(ge=4_000, le=192_000)]
"""In Hz."""
Seconds = Annotated[float, Interval(ge=0.1, le=600)]
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Arguments that these datasets share.

    Args:
        validation: Fraction of each class's training rows for the split validation, if there is none.
        seed: Seed of the choice of validation rows.
        max_unreadable: Largest fraction of files that may be unreadable.
        size: Side in pixels that pictures are fitted to; None leaves that to the model.
        fit: How: `crop` resizes the shorter side and crops the center, `pad` resizes the longer side and adds white.
        sample_rate: In Hz; None leaves that to the model.
        clip_seconds: Longer sounds without a transcript are cut into clips of this length; None keeps them.
        shard_rows: Rows in a parquet shard, of which fitted rows are built.
    """

    validation: Part = 0.05
    seed: int = 0
    max_unreadable: Part = 0.05
    size: Side | None = None
    fit: Fit = "crop"
    sample_rate: Rate | None = None
    clip_seconds: Seconds | None = 30.0
    shard_rows: Size = 64


def finished(
    source: str,
    splits: Mapping[str, Dataset],
    settings: Settings,
    phones: Callable[[dict[str, Dataset]], dict[str, Dataset]] | None = None,
) -> DatasetDict:
    """The splits without unreadable files, with validation rows, and fitted as the settings say.

    Args:
        source: What they were read from, for messages.
        splits: The rows of each split.
        settings: The arguments that all these datasets share.
        phones: Adds the phones of the readable rows, if they are needed.

    Raises:
        DataError: Too many files are unreadable, or there are no rows.
    """
    from datasets import DatasetDict

    kept = {
        split: readable(
            rows, f"{source} ({split})" if len(splits) > 1 else source, max_unreadable=settings.max_unreadable
        )
        for split, rows in splits.items()
    }
    if phones is not None:
        kept = phones(kept)
    if "validation" not in kept and "train" in kept and settings.validation:
        kept = {**_divided(kept.pop("train"), settings), **kept}
    return DatasetDict({split: _fitted(split, rows, settings) for split, rows in kept.items()})


def _divided(rows: Dataset, settings: Settings) -> dict[str, Dataset]:
    """Training and validation rows: of each class the same fraction, and at least one row to train on."""
    groups: dict[str | None, list[int]] = {}
    for index, label in enumerate(rows["label"]):
        groups.setdefault(label, []).append(index)
    chance, held = Random(f"validation {settings.seed}"), set[int]()
    for label in sorted(groups, key=lambda label: label or ""):
        group = groups[label]
        held.update(chance.sample(group, min(round(len(group) * settings.validation), len(group) - 1)))
    if not held and len(largest := max(groups.values(), key=len)) > 1:
        held.add(chance.choice(largest))
    if not held:
        return {"train": rows}
    names = ["validation" if index in held else "train" for index in range(len(rows))]
    rows = rows.remove_columns("split").add_column("split", names)
    return {
        "train": rows.select([index for index in range(len(rows)) if index not in held]),
        "validation": rows.select(sorted(held)),
    }


def _fitted(split: str, rows: Dataset, settings: Settings) -> Dataset:
    """The rows as they are, or built into shards if a size, a rate or clips are asked for."""
    columns = rows.column_names
    clips = "audio" in columns and settings.clip_seconds is not None and _has_longer(rows, settings.clip_seconds)
    resized = "image" in columns and settings.size is not None
    if not (clips or resized or ("audio" in columns and settings.sample_rate is not None)):
        return rows
    what = {**asdict(settings), "rows": rows._fingerprint, "split": split, "version": VERSION}
    folder = settings_folder(cache_dir() / "datasets", "own", what)
    from tqdm import tqdm

    with tqdm(total=len(rows), desc=f"fitting {split}", unit="row", disable=None, leave=False) as bar:
        make = partial(_rows, rows=rows, settings=settings)
        paths = build_split(
            folder, split, range(len(rows)), make, rows.features, shard_rows=settings.shard_rows, advance=bar.update
        )
    return open_shards({split: paths}, rows.features, folder)[split]


def _has_longer(rows: Dataset, seconds: float) -> bool:
    import soundfile

    for row in rows.select_columns(
        [name for name in ("audio", "text", "label", "phones") if name in rows.column_names]
    ):
        if (cell := row["audio"]) is None or _transcribed(row):
            continue
        info = soundfile.info(io.BytesIO(cell["bytes"]) if cell["bytes"] else cell["path"])
        if info.frames > seconds * info.samplerate:
            return True
    return False


def _transcribed(row: Row) -> bool:
    """Whether the text or the phones belong to the whole sound, unlike the words of a class."""
    return bool(row.get("phones")) or (bool(row["text"]) and row["text"] != words_of(row.get("label")))


def _rows(indices: Sequence[int], rows: Dataset, settings: Settings) -> list[Row]:
    with ThreadPoolExecutor() as pool:
        made = pool.map(lambda index: _fitted_row(rows[index], settings), indices)
        return [row for several in made for row in several]


def _fitted_row(row: Row, settings: Settings) -> list[Row]:
    """One row with its picture fitted and its sound resampled, or a row for each clip of its sound."""
    if row.get("image") is not None and settings.size is not None:
        size = (settings.size, settings.size)
        content = encode_image(fit_image(decode_image(row["image"]), size, settings.fit))
        row = {**row, "image": {"bytes": content, "path": None}}
    if row.get("audio") is None:
        return [row]
    audio = decode_audio(row["audio"], settings.sample_rate, max_seconds=LONGEST_FILE_S)
    length = round((settings.clip_seconds or audio.duration) * audio.sample_rate)
    if _transcribed(row) or len(audio.samples) <= length:
        if settings.sample_rate is None:
            return [_inside(row)]
        return [{**row, "audio": _flac(audio)}]
    starts = range(0, len(audio.samples), length)
    pieces = [Audio(audio.samples[start : start + length], audio.sample_rate) for start in starts]
    if len(pieces) > 1 and pieces[-1].duration < 1:  # too short to be of use
        pieces.pop()
    return [{**row, "id": f"{row['id']}-{n:04d}", "audio": _flac(piece)} for n, piece in enumerate(pieces)]


def _flac(audio: Audio) -> dict[str, Any]:
    return {"bytes": encode_audio(audio, "FLAC"), "path": None}


def _inside(row: Row) -> Row:
    """The row with the content of its file, so that the shards are complete."""
    cell = row["audio"]
    return {**row, "audio": {"bytes": cell["bytes"] or Path(cell["path"]).read_bytes(), "path": cell["path"]}}
