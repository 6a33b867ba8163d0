"""The dataset `ljspeech`: a folder in LJSpeech's layout, with phone times by forced alignment.

The layout: `metadata.csv` with lines `id|text|normalized text`, and `wavs/<id>.wav`
(https://keithito.com/LJ-Speech-Dataset, public domain).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mmzoo.data import fingerprinted, make_row, to_dataset
from mmzoo.errors import DataError
from mmzoo.interfaces import Count, Size
from mmzoo_datasets.own.finish import Part, Rate, Settings, finished
from mmzoo_datasets.own.folders import PHONEMIZER, phones_if_needed
from mmzoo_datasets.spoken_phones import Aligner

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
Line = tuple[str, str]


def ljspeech(
    *,
    root: str,
    sample_rate: Rate | None = None,
    validation: Count = 100,
    test: Count = 500,
    speaker: str = "lj",
    phonemizer: str | None = PHONEMIZER,
    aligner: Aligner = "pocketsphinx",
    needs: Sequence[str] = ("phones",),
    max_unreadable: Part = 0.05,
    seed: int = 0,
    shard_rows: Size = 64,
) -> DatasetDict:
    """Align a folder in LJSpeech's layout; splits train, validation and test.

    Rows whose speech differs from their text are left out, counted in a warning, and listed with their reasons. The
    alignment of each file is cached.

    Args:
        root: The folder with metadata.csv and wavs/.
        sample_rate: In Hz; null keeps that of the files.
        validation: Number of validation rows.
        test: Number of test rows.
        speaker: Name of the speaker in every row.
        phonemizer: The model that reads figures and words that the recognizer's dictionary lacks; null leaves out rows
            that have some.
        needs: The columns that the model needs; training sets it. Unless `phones` is one, nothing is aligned.
        max_unreadable: Largest fraction of sounds that may be unreadable; these are named and left out.
        seed: Seed of the split.
        shard_rows: Rows in a parquet shard, if the sounds are resampled.

    Raises:
        DataError: The folder has another layout, or no row of a split could be aligned.
        ConfigError: An argument is out of range.
    """
    settings = Settings(
        validation=0.0, seed=seed, max_unreadable=max_unreadable, sample_rate=sample_rate, clip_seconds=None,
        shard_rows=shard_rows,
    )  # fmt: skip
    source = Path(root).expanduser().resolve()
    lines = read_metadata(source)
    if len(lines) <= validation + test:
        raise DataError(
            f"{source} has {len(lines)} rows, too few for {validation} validation and {test} test rows"
            " and some to train on; lower validation and test."
        )
    order = sorted(lines)
    Random(f"ljspeech {seed}").shuffle(order)
    chosen = {
        "train": sorted(order[validation + test :]),
        "validation": sorted(order[:validation]),
        "test": sorted(order[validation : validation + test]),
    }
    splits = {split: _rows(source, split, part, speaker) for split, part in chosen.items() if part}
    return finished(str(source), splits, settings, phones_if_needed(needs, str(source), phonemizer, aligner))


def _rows(root: Path, split: str, lines: Sequence[Line], speaker: str) -> Dataset:
    return fingerprinted(
        to_dataset(
            [
                make_row(id=name, text=text, split=split, audio=_sound(root / "wavs", name), speaker=speaker)
                for name, text in lines
            ]
        )
    )


def _sound(folder: Path, name: str) -> Path:
    """The sound of a row: `<id>.wav`, one of another format, or the id itself if it has a suffix."""
    names = [name] if Path(name).suffix.lower() in SOUNDS else [f"{name}{suffix}" for suffix in SOUNDS]
    return next((folder / one for one in names if (folder / one).is_file()), folder / names[0])


def read_metadata(root: Path) -> list[Line]:
    """(id, normalized text) of every line of metadata.csv; DataError names the malformed line."""
    path = root / "metadata.csv"
    if not path.is_file():
        raise DataError(
            f"{root} has no metadata.csv; root must be a folder in LJSpeech's layout (metadata.csv and wavs/)."
        )
    lines: list[Line] = []
    seen: set[str] = set()
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}.") from error
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        fields = line.rstrip("\r").split("|")
        if len(fields) not in (2, 3) or not fields[-1].strip():
            raise DataError(f"{path}, line {number}: expected `id|text|normalized text`, found {line[:60]!r}.")
        name = fields[0].strip()
        if not name or Path(name).name != name or name in seen:
            raise DataError(f"{path}, line {number}: {name!r} is a duplicate or not a plain file name.")
        seen.add(name)
        lines.append((name, fields[-1].strip()))
    if not lines:
        raise DataError(f"{path} has no rows.")
    return lines
