"""Finds the rows whose pictures and sounds cannot be decoded, before training meets them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data.audio import decode_audio
from mmzoo.data.cache import cache_dir
from mmzoo.data.image import decode_image
from mmzoo.errors import DataError, InputError
from mmzoo.system import write_whole

if TYPE_CHECKING:
    from datasets import Dataset

KINDS = ("image", "audio")
NAMED = 3
"""The number of unreadable files that a message names."""
FEW_ENOUGH = 0.05
AT_ONCE = 128
LONGEST_FILE_S = 4 * 3600.0
_log = logging.getLogger("mmzoo.data")


def readable(rows: Dataset, source: str, *, max_unreadable: float = FEW_ENOUGH) -> Dataset:
    """The rows whose `image` and `audio` can be decoded; the others are counted and named in a warning.

    Every file is decoded once, even if several rows name it. The result is cached by the rows' fingerprint, and the
    path, size and time of each file.

    Args:
        rows: Rows with encoded files.
        source: What they were read from, for messages.
        max_unreadable: The largest fraction of unreadable rows accepted.

    Raises:
        DataError: More rows are unreadable, or there are none.
    """
    if len(rows) == 0:
        raise DataError(f"{source} has no rows.")
    kinds = [name for name in KINDS if name in rows.column_names]
    files = rows.select_columns(kinds)
    known = cache_dir() / "readable" / f"{_digest(rows)}.json"
    try:
        bad = {int(index): str(why) for index, why in json.loads(known.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        bad = _unreadable(files)
        known.parent.mkdir(parents=True, exist_ok=True)
        write_whole(known, json.dumps(bad))
    if not bad:
        return rows
    named = "; ".join([*[why.rstrip(".") for why in bad.values()][:NAMED], *(["..."] if len(bad) > NAMED else [])])
    if len(bad) > max_unreadable * len(rows):
        raise DataError(
            f"{len(bad)} of {len(rows)} files of {source} cannot be read, more than max_unreadable={max_unreadable:g}"
            f" allows: {named}"
        )
    _log.warning("%d of %d files of %s cannot be read and are left out: %s", len(bad), len(rows), source, named)
    return rows.select([index for index in range(len(rows)) if index not in bad])


def fingerprinted(rows: Dataset) -> Dataset:
    """The rows with a fingerprint that also depends on the path, size and time of each file that they name.

    `datasets` sees the names of files only, so features of old files would be used for new ones. The rows must not be
    a selection of others.
    """
    from datasets import Dataset

    return Dataset(rows.data, info=rows.info, split=rows.split, fingerprint=_digest(rows))


def _digest(rows: Dataset) -> str:
    """Of the fingerprint of the rows, and of the path, size and time of the files that they name."""
    from pyarrow import compute

    digest = hashlib.sha256(rows._fingerprint.encode())
    for kind in KINDS:
        if kind not in rows.column_names or str((column := rows.data.column(kind)).type) == "null":
            continue
        paths = compute.struct_field(column, "path").filter(compute.struct_field(column, "bytes").is_null())
        for path in paths.to_pylist():
            try:
                state = Path(path or "").stat()
                digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode(errors="surrogateescape"))
            except (OSError, ValueError):
                digest.update(f"{path}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _unreadable(files: Dataset) -> dict[int, str]:
    """Why a row is unreadable, by index."""
    from tqdm import tqdm

    bad: dict[int, str] = {}
    known: dict[tuple[str, ...], str | None] = {}
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(files), desc="checking files", unit="file", disable=None, leave=False) as bar,
    ):
        for start in range(0, len(files), AT_ONCE):
            rows = {index: files[index] for index in range(start, min(start + AT_ONCE, len(files)))}
            named = {index: _paths(row) for index, row in rows.items()}
            new = {paths: index for index, paths in named.items() if paths and paths not in known}
            asked = [index for index, paths in named.items() if not paths or new.get(paths) == index]
            troubles = dict(zip(asked, pool.map(_trouble, [rows[index] for index in asked]), strict=True))
            known |= {paths: troubles[index] for paths, index in new.items()}
            for index, paths in named.items():
                if (why := known[paths] if paths else troubles[index]) is not None:
                    bad[index] = why
            bar.update(len(rows))
    return bad


def _paths(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that a row names; none if it holds the content of one."""
    cells = [cell for cell in row.values() if cell is not None]
    return () if any(cell.get("bytes") for cell in cells) else tuple(str(cell.get("path")) for cell in cells)


def _trouble(row: Mapping[str, Any]) -> str | None:
    try:
        for name, cell in row.items():
            if cell is not None and name == "image":
                decode_image(cell)
            elif cell is not None:
                decode_audio(cell, max_seconds=LONGEST_FILE_S)
    except (DataError, InputError) as error:
        return str(error)
    return None
