"""A dataset as numbered parquet shards, each written atomically, so that an interrupted build can resume.

A dataset's function calls `settings_folder` for a folder of its own, `build_split` for each split, and `open_shards`.
Several processes may build the same dataset: each shard has a lock. `mmzoo.data.jobs` builds on the same parts.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data.schema import to_dataset
from mmzoo.errors import DataError
from mmzoo.system import PARTIAL, whole_file, write_whole

if TYPE_CHECKING:
    from datasets import DatasetDict, Features

Row = dict[str, Any]
LOCKS = ".locks"
"""The folder of the locks, beside the shards."""


def settings_folder(root: Path, name: str, settings: Mapping[str, Any]) -> Path:
    """`root/name-<hash of the settings>`."""
    text = json.dumps(settings, sort_keys=True)
    return root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically."""
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a shard, which the system releases if this process dies.

    What killed processes left unfinished of this shard is deleted first. On a file system without locks nothing is
    locked; shards are then written twice at worst, with the same content.

    Args:
        path: The shard.
        wait: Wait for another process that holds the lock.

    Yields:
        Whether the lock is held; always true with `wait`.

    Raises:
        OSError: The folder is not writable.
    """
    from filelock import FileLock, Timeout

    place = path.parent / LOCKS / f"{path.name}.lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except NotImplementedError:
        yield True
        return
    try:
        for left in path.parent.glob(f".{path.name}.*{PARTIAL}"):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        yield True
    finally:
        lock.release()


def build_split(
    folder: Path,
    split: str,
    items: Sequence[Any],
    make: Callable[[Sequence[Any]], list[Row]],
    features: Features,
    *,
    shard_rows: int = 500,
    advance: Callable[[int], None] = lambda count: None,
) -> list[str]:
    """The paths of a split's shards; missing ones are built.

    Args:
        folder: Where the shards are.
        split: The split's name.
        items: What the rows are made from.
        make: Turns the items of one shard into rows; must be deterministic.
        features: Columns of the rows.
        shard_rows: Items in a shard.
        advance: Called with the number of items after each shard.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = max(1, -(-len(items) // shard_rows))
    paths = []
    for number in range(total):
        part = items[number * shard_rows : (number + 1) * shard_rows]
        path = folder / f"{split}-{number:05d}-of-{total:05d}.parquet"
        paths.append(str(path))
        if not path.exists():
            with locked(path):
                if not path.exists():  # another process may have built it meanwhile
                    write_shard(path, make(part), features)
        advance(len(part))
    return paths


def write_shard(path: Path, rows: Sequence[Mapping[str, Any]], features: Features) -> None:
    """Write rows as a parquet file, atomically."""
    table = to_dataset(rows, features)
    with quiet_datasets(), whole_file(path) as staged:
        table.to_parquet(staged)


@contextmanager
def quiet_datasets() -> Iterator[None]:
    """Hide the progress bars of `datasets`, which appear even if stderr is not a terminal."""
    from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

    enabled = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            enable_progress_bar()


def open_shards(
    files: Mapping[str, list[str]], features: Features, folder: Path, cache: Path | None = None
) -> DatasetDict:
    """The splits as memory-mapped datasets. Raises DataError if a shard cannot be read.

    Args:
        files: The paths of each split's shards.
        features: Columns of the rows.
        folder: The folder of the shards, for messages.
        cache: Where memory maps are kept; by default in that folder.
    """
    from datasets import DatasetDict, load_dataset
    from pyarrow import parquet

    try:
        filled = {
            split: paths for split, paths in files.items() if any(parquet.read_metadata(p).num_rows for p in paths)
        }
        loaded: dict[str, Any] = {}
        if filled:
            with quiet_datasets():
                loaded = load_dataset("parquet", data_files=filled, cache_dir=str(cache or folder / "arrow"))
    except Exception as error:  # datasets wraps whatever pyarrow raises
        raise DataError(
            f"The dataset in {folder} cannot be read ({error}); delete that folder to build it again."
        ) from error
    # load_dataset refuses a split without rows, which ours may have if no row was usable.
    empty = to_dataset([], features)
    # Shards of an earlier version may have further columns.
    return DatasetDict(
        {split: loaded[split].select_columns(list(features)) if split in loaded else empty for split in files}
    )
