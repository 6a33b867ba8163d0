"""The dataset `festvox-ru`: recordings with phone times in a folder in FestVox's layout.

The layout: `etc/txt.done.data` with lines `( id "text" )`, `wav/<id>.wav`, and `lab/<id>.lab` with a line
`end color phone` for each phone after the line `#` (Black and Lenzo, "Building Synthetic Voices", http://festvox.org/bsv).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mmzoo.data import fingerprinted, make_row, row_features, to_dataset
from mmzoo.errors import DataError
from mmzoo.interfaces import Count, Size
from mmzoo_datasets.own.finish import Part, Rate, Settings, finished
from mmzoo_datasets.phones import phone_columns, phone_features

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

RUSSIAN = "/usr/share/festival/voices/russian/msu_ru_nsh_clunits"
"""Where Debian's package festvox-ru is installed."""
TEXTS = "etc/txt.done.data"
PHONE_SET = "festvox-ru"
_LINE = re.compile(r'\(\s*(\S+)\s+"((?:[^"\\]|\\.)*)"\s*\)')
Line = tuple[str, str]


def festvox_ru(
    *,
    root: str = RUSSIAN,
    speaker: str = "nsh",
    sample_rate: Rate | None = None,
    validation: Count = 20,
    test: Count = 60,
    max_unreadable: Part = 0.05,
    seed: int = 0,
    shard_rows: Size = 64,
) -> DatasetDict:
    """Recorded Russian sentences of one speaker with their phone times; splits train, validation and test.

    Nothing is copied. Texts lose their marks of stress (`вол+ос`).

    Args:
        root: A folder in FestVox's layout, by default that of Debian's package festvox-ru.
        speaker: Name of the speaker in every row.
        sample_rate: In Hz; null keeps that of the files.
        validation: Number of validation rows.
        test: Number of test rows.
        max_unreadable: Largest fraction of sounds that may be unreadable; these are named and left out.
        seed: Seed of the split.
        shard_rows: Rows in a parquet shard, if the sounds are resampled.

    Raises:
        DataError: The folder is missing or has another layout, or a file of labels is malformed.
        ConfigError: An argument is out of range.
    """
    settings = Settings(
        validation=0.0, seed=seed, max_unreadable=max_unreadable, sample_rate=sample_rate, clip_seconds=None,
        shard_rows=shard_rows,
    )  # fmt: skip
    source = Path(root).expanduser().resolve()
    lines = read_texts(source)
    if len(lines) <= validation + test:
        raise DataError(
            f"{source} has {len(lines)} recordings, too few for {validation} validation and {test} test rows and some"
            " to train on; lower validation and test."
        )
    order = sorted(lines)
    Random(f"festvox {seed}").shuffle(order)
    chosen = {
        "train": sorted(order[validation + test :]),
        "validation": sorted(order[:validation]),
        "test": sorted(order[validation : validation + test]),
    }
    splits = {split: _rows(source, split, part, speaker) for split, part in chosen.items() if part}
    return finished(str(source), splits, settings)


def _rows(root: Path, split: str, lines: Sequence[Line], speaker: str) -> Dataset:
    rows = []
    for name, text in lines:
        phones, ends = read_labels(root / "lab" / f"{name}.lab")
        spoken = phone_columns(phones, ends, PHONE_SET)
        audio = root / "wav" / f"{name}.wav"
        rows.append(make_row(id=name, text=text, split=split, audio=audio, speaker=speaker, **spoken))
    return fingerprinted(to_dataset(rows, row_features(**phone_features())))


def read_texts(root: Path) -> list[Line]:
    """(id, text) of every recording; DataError names a malformed line."""
    path = root / TEXTS
    if not path.is_file():
        missing = f"{root} has no {TEXTS}" if root.is_dir() else f"There is no folder {root}"
        raise DataError(
            f"{missing}; install Debian's package festvox-ru (apt-get install festvox-ru), or set root to a folder in"
            " FestVox's layout (etc/txt.done.data, wav/ and lab/)."
        )
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}.") from error
    lines: dict[str, str] = {}
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise DataError(f'{path}, line {number}: expected `( id "text" )`, found {line[:60]!r}.')
        name, text = match.groups()
        if Path(name).name != name or name in lines:
            raise DataError(f"{path}, line {number}: {name!r} is a duplicate or not a plain file name.")
        lines[name] = re.sub(r"\\(.)", r"\1", text).replace("+", "").strip()
    if not lines:
        raise DataError(f"{path} has no texts.")
    return list(lines.items())


def read_labels(path: Path) -> tuple[list[str], list[float]]:
    """The phones of a recording and the end of each in seconds; DataError names a malformed line."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"Cannot read the phone times {path}: {error.strerror}.") from error
    start = next((number for number, line in enumerate(lines, start=1) if line.strip() == "#"), None)
    if start is None:
        raise DataError(f"{path} has no line `#`, after which phones are expected.")
    phones: list[str] = []
    ends: list[float] = []
    for number, line in enumerate(lines[start:], start=start + 1):
        fields = line.split()
        if not fields:
            continue
        try:
            end = float(fields[0])
            if len(fields) != 3 or not end > (ends[-1] if ends else 0):
                raise ValueError
        except ValueError:
            raise DataError(
                f"{path}, line {number}: expected `end color phone`, with increasing ends in seconds, found {line!r}."
            ) from None
        phones.append(fields[2])
        ends.append(end)
    if not phones:
        raise DataError(f"{path} has no phones.")
    return phones, ends
