"""Finds pictures and sounds in folders, in the same order on every machine."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from mmzoo.errors import DataError

PICTURES = frozenset(
    ".avif .bmp .gif .heic .ico .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff .webp".split()
)
SOUNDS = frozenset(".aac .aif .aifc .aiff .au .caf .flac .m4a .mp3 .oga .ogg .opus .rf64 .snd .w64 .wav".split())
SUFFIXES = {"image": PICTURES, "audio": SOUNDS}
IGNORED = frozenset({"__macosx", "@eadir", "thumbs.db", "desktop.ini", "lost+found"})
SPLITS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""The names of folders that hold a split."""


def folder(root: str, dataset: str) -> Path:
    """The existing folder `root`; DataError otherwise."""
    source = Path(root).expanduser().resolve()
    if not source.is_dir():
        what = "is a file" if source.is_file() else "does not exist"
        raise DataError(f"{dataset} needs a folder, but {source} {what}.")
    return source


def order(name: str) -> str:
    """The key by which paths are sorted: file systems spell accented letters in different ways."""
    return unicodedata.normalize("NFC", name)


def hidden(name: str) -> bool:
    """Whether a file or folder is ignored: hidden ones, and those that operating systems add."""
    return name.startswith(".") or name.lower() in IGNORED


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder except ignored ones, sorted folder by folder; links are followed, each folder once."""
    seen: set[str] = set()

    def below(here: Path) -> Iterator[Path]:
        if (real := os.path.realpath(here)) in seen:
            return
        seen.add(real)
        entries = sorted((entry for entry in os.scandir(here) if not hidden(entry.name)), key=lambda e: order(e.name))
        for entry in entries:
            if entry.is_dir():
                yield from below(here / entry.name)
            elif entry.is_file() or entry.is_symlink():  # a broken link is a file that cannot be read
                yield here / entry.name

    return below(root)


def of_kind(root: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with one of these suffixes, in any case."""
    return [path for path in walk(root) if path.suffix.lower() in suffixes]


def splits(root: Path) -> dict[str, Path]:
    """The folder of each split: subfolders named like splits if there is one for training, else `train: root`."""
    named = {
        SPLITS[entry.name.lower()]: entry
        for entry in sorted(root.iterdir())
        if entry.is_dir() and entry.name.lower() in SPLITS
    }
    return (
        {split: named[split] for split in ("train", "validation", "test") if split in named}
        if "train" in named
        else {"train": root}
    )
