"""The dataset `ljspeech`: a folder in LJSpeech's layout, with phone times by forced alignment.

The layout: `metadata.csv` with lines `id|text|normalized text`, and `wavs/<id>.wav`
(https://keithito.com/LJ-Speech-Dataset, public domain).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mmzoo.data import cache_dir, decode_audio, encode_audio, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import ConfigError, DataError
from mmzoo_datasets.align import Aligner, CannotAlign
from mmzoo_datasets.flite import PHONE_SET
from mmzoo_datasets.phones import phone_features

if TYPE_CHECKING:
    from datasets import DatasetDict

VERSION = "1"
Line = tuple[str, str]
_log = logging.getLogger("mmzoo.datasets")


def ljspeech(
    *,
    root: str,
    sample_rate: int | None = None,
    validation: int = 100,
    test: int = 500,
    speaker: str = "lj",
    seed: int = 0,
    shard_rows: int = 200,
) -> DatasetDict:
    """Align a folder in LJSpeech's layout, or read it from the cache; splits train, validation and test.

    Rows that cannot be aligned (words outside the dictionary, digits in the text, speech that differs from the text)
    are left out, counted in the log, and listed with their reasons in `skipped-*.json` next to the shards.

    Args:
        root: The folder with metadata.csv and wavs/.
        sample_rate: In Hz; None keeps that of the files.
        validation: Number of validation rows.
        test: Number of test rows.
        speaker: Name of the speaker in every row.
        seed: Seed of the split.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: The folder has another layout, or no training row could be aligned.
        ConfigError: An argument is out of range.
    """
    for name, count, least in (("validation", validation, 0), ("test", test, 0), ("shard_rows", shard_rows, 1)):
        if count < least:
            raise ConfigError(f"ljspeech got {name}={count}; it must be at least {least}.", path=name)
    if sample_rate is not None and not 4_000 <= sample_rate <= 192_000:
        raise ConfigError(f"ljspeech got sample_rate={sample_rate}; it must be 4000 to 192000 Hz.", path="sample_rate")
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
    settings = {
        "root": str(source), "files": _digest(source, lines), "sample_rate": sample_rate, "validation": validation,
        "test": test, "speaker": speaker, "seed": seed, "shard_rows": shard_rows, "version": VERSION,
    }  # fmt: skip
    folder = settings_folder(cache_dir() / "datasets", "ljspeech", settings)
    done, features = folder / "done.json", row_features(**phone_features())
    aligner = _Rows(source, folder, sample_rate, speaker)
    from tqdm import tqdm

    with tqdm(total=len(lines), desc="aligning", unit="row", disable=True if done.exists() else None) as bar:
        files = {
            split: build_split(
                folder, split, part, aligner.of(split), features, shard_rows=shard_rows, advance=bar.update
            )
            for split, part in chosen.items()
            if part
        }
    skipped = {
        key: why
        for path in sorted(folder.glob("skipped-*.json"))
        for key, why in json.loads(path.read_text("utf-8")).items()
    }
    if skipped:
        _log.warning(
            "ljspeech: %d of %d rows could not be aligned and are left out; the first: %s",
            len(skipped),
            len(lines),
            next(iter(skipped.values())),
        )
    if not done.exists():
        write_json(done, settings)
    splits = open_shards(files, features, folder)
    if len(splits["train"]) == 0:
        raise DataError(
            f"None of the training rows of {source} could be aligned; the reasons are in {folder}/skipped-*.json."
        )
    return splits


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


def _digest(root: Path, lines: Sequence[Line]) -> str:
    """A digest of the texts and the sizes of the audio files; DataError if an audio file is missing."""
    digest = hashlib.sha256()
    for name, text in lines:
        wav = root / "wavs" / f"{name}.wav"
        if not wav.is_file():
            raise DataError(f"{root / 'metadata.csv'} names {name}, but there is no {wav}.")
        digest.update(f"{name}|{text}|{wav.stat().st_size}\n".encode())
    return digest.hexdigest()


class _Rows:
    """Turns lines into aligned rows; the recognizer is loaded when the first shard needs it."""

    def __init__(self, root: Path, folder: Path, sample_rate: int | None, speaker: str) -> None:
        self.root, self.folder, self.sample_rate, self.speaker = root, folder, sample_rate, speaker
        self._aligner: Aligner | None = None

    def of(self, split: str) -> Callable[[Sequence[Line]], list[Row]]:
        return lambda lines: self._make(split, lines)

    def _make(self, split: str, lines: Sequence[Line]) -> list[Row]:
        self._aligner = self._aligner or Aligner()
        rows, skipped = [], {}
        for name, text in lines:
            path = self.root / "wavs" / f"{name}.wav"
            audio = decode_audio({"bytes": None, "path": str(path)})
            try:
                alignment = self._aligner.align(audio, text)
            except CannotAlign as reason:
                skipped[name] = str(reason)
                continue
            resampled = self.sample_rate is not None and self.sample_rate != audio.sample_rate
            content = (
                encode_audio(decode_audio({"path": str(path)}, self.sample_rate)) if resampled else path.read_bytes()
            )
            rows.append(
                make_row(
                    id=name,
                    text=text,
                    audio=content,
                    speaker=self.speaker,
                    phones=alignment.phones,
                    phone_ends_s=alignment.ends_s,
                    phone_set=PHONE_SET,
                    split=split,
                )
            )
        if skipped:
            write_json(self.folder / f"skipped-{split}-{lines[0][0]}.json", skipped)
        return rows
