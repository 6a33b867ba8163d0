"""Which files and folders each dataset recognizes as its own, for `mmzoo.data.guess`; at most one does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mmzoo.data.jobs import read_manifest
from mmzoo.data.tokens import KIND
from mmzoo_datasets.own.files import PICTURES, SOUNDS, hidden, walk
from mmzoo_datasets.own.metadata import FILE_NAMES, TABLES

ENOUGH = 2000
"""The number of files of a folder that are looked at."""
Config = Mapping[str, Any] | None


def image_folder(path: Path) -> Config:
    """A folder with more pictures than sounds."""
    return {"root": str(path)} if kind_of(path) == "image" else None


def audio_folder(path: Path) -> Config:
    """A folder with more sounds than pictures."""
    return {"root": str(path)} if kind_of(path) == "audio" else None


def ljspeech(path: Path) -> Config:
    """A folder with `wavs/` and a metadata.csv of `id|text`; a small one has fewer validation rows and no test."""
    if _layout(path) != "ljspeech":
        return None
    with (path / "metadata.csv").open("rb") as file:
        count = sum(1 for line in file if line.strip())
    held = {} if count > 6000 else {"validation": min(100, -(-count // 20) if count > 1 else 0), "test": 0}
    return {"root": str(path), **held}


def festvox(path: Path) -> Config:
    """A folder in FestVox's layout; a small one has fewer validation rows and no test."""
    if _layout(path) != "festvox":
        return None
    with (path / "etc" / "txt.done.data").open("rb") as file:
        count = sum(1 for line in file if line.strip())
    return {"root": str(path), **({} if count > 600 else {"validation": count // 20, "test": 0})}


def parquet(path: Path) -> Config:
    """A parquet file, or a folder with parquet files and no pictures or sounds."""
    return {"path": str(path)} if kind_of(path) == "parquet" else None


def table(path: Path) -> Config:
    """A csv, tsv, jsonl, json or txt file, or a folder with a table and no pictures or sounds."""
    if kind_of(path) != "table":
        return None
    return {"path": str(path if path.is_file() else next(_tables(path)))}


def saved(path: Path) -> Config:
    """A folder that `datasets` wrote with `save_to_disk`."""
    return {"path": str(path)} if _layout(path) == "saved" else None


def tokens(path: Path) -> Config:
    """A folder that `mmzoo tokenize` wrote."""
    return {"path": str(path)} if _layout(path) == "tokens" else None


def imagenet(path: Path) -> Config:
    """A folder with `train/n01440764/`."""
    return {"root": str(path)} if _layout(path) == "imagenet" else None


def coco(path: Path) -> Config:
    """A folder with `annotations/captions_train2017.json`."""
    if _layout(path) != "coco":
        return None
    newest = max((path / "annotations").glob("captions_*20[0-9][0-9].json"))
    return {"root": str(path), "year": int(newest.stem[-4:])}


def librispeech(path: Path) -> Config:
    """A folder with `PART/SPEAKER/CHAPTER/*.trans.txt`."""
    return {"root": str(path)} if _layout(path) == "librispeech" else None


def speech_commands(path: Path) -> Config:
    """A folder with the lists of Speech Commands."""
    return {"root": str(path)} if _layout(path) == "speech-commands" else None


def _layout(path: Path) -> str | None:
    """The public corpus that a folder holds."""
    if not path.is_dir():
        return None
    if (path / "dataset_dict.json").is_file() or ((path / "dataset_info.json").is_file() and any(path.glob("*.arrow"))):
        return "saved"
    if (manifest := read_manifest(path)) is not None and manifest.get("kind") == KIND:
        return "tokens"
    if (path / "wavs").is_dir() and (path / "metadata.csv").is_file() and _has_bars(path / "metadata.csv"):
        return "ljspeech"
    if (path / "etc" / "txt.done.data").is_file() and (path / "lab").is_dir() and (path / "wav").is_dir():
        return "festvox"
    if (path / "validation_list.txt").is_file() and (path / "testing_list.txt").is_file():
        return "speech-commands"
    if any((path / "annotations").glob("captions_*20[0-9][0-9].json")):
        return "coco"
    if any(path.glob("*/*/*/*.trans.txt")):
        return "librispeech"
    if any((path / "train").glob("n[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]")) and (path / "val").is_dir():
        return "imagenet"
    return None


def _has_bars(metadata: Path) -> bool:
    with metadata.open(encoding="utf-8-sig", errors="replace") as file:
        first, bar, _ = file.readline().partition("|")
    return bool(bar) and first.strip().lower() not in FILE_NAMES  # which begins a table of any folder


def kind_of(path: Path) -> str | None:
    """image, audio, parquet or table: what a file or folder mostly consists of."""
    if path.is_file():
        suffix = path.suffix.lower()
        return "parquet" if suffix == ".parquet" else "table" if suffix in {*TABLES, ".txt"} else None
    if not path.is_dir() or _layout(path) is not None:  # a device or a pipe is neither a file nor a folder
        return None
    count = Counter[str]()
    for file in islice(walk(path), ENOUGH):
        suffix = file.suffix.lower()
        count["image"] += suffix in PICTURES
        count["audio"] += suffix in SOUNDS
        count["parquet"] += suffix == ".parquet"
        count["table"] += suffix in TABLES and not hidden(file.name)
    kinds = ("image", "audio") if count["image"] >= count["audio"] else ("audio", "image")
    return next((kind for kind in (*kinds, "parquet", "table") if count[kind]), None)


def _tables(path: Path) -> Any:
    return (file for file in walk(path) if file.suffix.lower() in TABLES)
