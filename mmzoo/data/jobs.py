"""A job of numbered shards in one folder, which any number of processes share and resume.

A shard is a file or a folder. It is written beside its place and renamed; then a marker with its digest says that it
is done. So a process that is killed loses the shard that it was making, and a shard that was damaged since is noticed
and made again. Locks keep two processes from making the same shard, whether they are ranks of one launch or not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmzoo.data.shards import locked, write_json
from mmzoo.errors import DataError, InputError
from mmzoo.system import sha256_of, whole_file, whole_folder

MANIFEST = "manifest.json"
DONE = ".done"
"""The folder of the markers."""
MARKED = ".json"
NOTES = "made_by"
"""The key of the manifest in which jobs that belong together may differ."""
LAUNCHERS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"))
"""The variables with the rank, the number of ranks and the rank on the machine. Ranks of a job need no connection."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a job.

    Args:
        name: Of its file, or of its folder if it has no suffix.
        split: The split that its rows belong to.
        rows: The indices of its rows in that split.
    """

    name: str
    split: str
    rows: range


def shards_of(counts: Mapping[str, int], shard_rows: int, suffix: str = "") -> list[Shard]:
    """The shards of splits with so many rows; a split without rows has none."""
    found = []
    for split, count in counts.items():
        total = -(-count // shard_rows)
        for number in range(total):
            rows = range(number * shard_rows, min((number + 1) * shard_rows, count))
            found.append(Shard(f"{split}-{number:05d}-of-{total:05d}{suffix}", split, rows))
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some rows.

    Args:
        rows: Their number.
        failed: How many of them the model refused.
        first: Why it refused the first of these.
    """

    rows: int = 0
    failed: int = 0
    first: str = ""

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.rows + other.rows, self.failed + other.failed, self.first or other.first)


Advance = Callable[[int], Any]
Make = Callable[[Shard, Path, Advance], Outcome]
"""Writes a shard to a path, an empty file or folder, and calls `Advance` with the number of rows made since."""


class Job:
    """Shards that are still to be made, or are done.

    Args:
        folder: The folder of the shards; it is created.
        manifest: What is made from what, as JSON. A folder holds one job: another manifest is refused.
        shards: The shards.

    Raises:
        InputError: The folder cannot be written to, or holds something else.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], shards: Sequence[Shard]) -> None:
        self.folder, self.shards = folder, shards
        self._numbers = {shard.name: number for number, shard in enumerate(shards)}
        self.rank, self.world = launched_rank()
        listed = {shard.name: {"split": shard.split, "rows": len(shard.rows)} for shard in shards}
        manifest = json.loads(json.dumps({**manifest, "shards": listed}))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked(folder / MANIFEST):
                _claim(folder, manifest)
        except OSError as error:
            raise InputError(
                f"Cannot write to the folder {folder}: {error.strerror or error}; choose another --output."
            ) from error

    def run(self, make: Make, doing: str) -> Outcome:
        """Make the shards that are missing, and wait for those that other processes are making.

        Ranks begin with shards of their own; whoever has none left helps the others.

        Args:
            make: Makes one shard; it must be deterministic.
            doing: What a progress bar says.

        Returns:
            What became of all rows.
        """
        from tqdm import tqdm

        total, before = sum(len(shard.rows) for shard in self.shards), self._rows_done()
        silent = True if self.rank else None  # None: only on a terminal
        with tqdm(total=total, initial=before, desc=doing, unit="row", disable=silent, leave=False) as bar:
            taken: list[Shard] = []
            turns: list[tuple[bool, Iterable[Shard]]] = [(False, self._order()), (True, taken)]
            for wait, shards in turns:
                for shard in shards:
                    if self._done(shard):
                        continue
                    with locked(self.folder / shard.name, wait=wait) as mine:
                        if not mine:
                            taken.append(shard)
                        elif not self._done(shard):
                            self._make(shard, make, bar.update)
                            bar.n = self._rows_done()  # also what other processes have done
                            bar.refresh()
        return sum((read_marker(self.folder, shard.name) or Outcome() for shard in self.shards), Outcome())

    def _order(self) -> Iterator[Shard]:
        for turn in range(self.world):
            yield from self.shards[(self.rank + turn) % self.world :: self.world]

    def _done(self, shard: Shard) -> bool:
        """Whether a shard is done. A rank reads its own shards to tell; the others are read by their ranks."""
        own = self._numbers[shard.name] % self.world == self.rank
        return is_whole(self.folder, shard.name) if own else read_marker(self.folder, shard.name) is not None

    def _rows_done(self) -> int:
        with suppress(OSError):
            names = (entry.name.removesuffix(MARKED) for entry in (self.folder / DONE).iterdir())
            return sum(len(self.shards[self._numbers[name]].rows) for name in names if name in self._numbers)
        return 0

    def _make(self, shard: Shard, make: Make, advance: Advance) -> None:
        path, place = self.folder / shard.name, marker(self.folder, shard.name)
        place.parent.mkdir(exist_ok=True)
        place.unlink(missing_ok=True)
        with whole_file(path) if path.suffix else whole_folder(path) as staged:
            outcome = make(shard, staged, advance)
            digest = digest_of(staged)
        write_json(place, {**asdict(outcome), "sha256": digest})


def launched_rank() -> tuple[int, int]:
    """(rank, world size) that `accelerate launch`, `torchrun` or `srun` gave this process; (0, 1) without them."""
    return _launched()[:2]


def local_rank() -> int:
    """The number of this process among those that were launched on its machine; 0 without a launcher."""
    return _launched()[2]


def _launched() -> tuple[int, int, int]:
    for rank, world, local in LAUNCHERS:
        with suppress(KeyError, ValueError):
            numbers = int(os.environ[rank]), int(os.environ[world]), int(os.environ.get(local, "0"))
            if 0 <= numbers[0] < numbers[1]:
                return numbers
    return 0, 1, 0


def marker(folder: Path, name: str) -> Path:
    """The file that says that a shard is done."""
    return folder / DONE / f"{name}{MARKED}"


def read_marker(folder: Path, name: str) -> Outcome | None:
    """What became of the rows of a shard that is done; None if it is not, or if its file is missing."""
    return None if not (folder / name).exists() else (_marked(folder, name) or (None,))[0]


def is_whole(folder: Path, name: str) -> bool:
    """Whether a shard is done and has the content that was written."""
    if (marked := _marked(folder, name)) is None:
        return False
    with suppress(OSError):
        return digest_of(folder / name) == marked[1]
    return False


def digest_of(path: Path) -> str:
    """The sha256 of a file, or of the names and contents of the files in a folder."""
    if path.is_file():
        return sha256_of(path)
    files = sorted(file for file in path.iterdir())
    lines = "".join(f"{file.name}\0{sha256_of(file)}\n" for file in files)
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def read_manifest(folder: Path) -> Mapping[str, Any] | None:
    """The manifest of the job in a folder; None if there is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("shards"), dict) else None


def finished_shards(folder: Path) -> Mapping[str, list[Path]]:
    """The paths of the shards of a finished job by split.

    Raises:
        DataError: The folder holds no job, or some of its shards are missing or damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"{folder} has no {MANIFEST} of a bulk job; give the folder that --output named.")
    missing = [name for name in manifest["shards"] if not is_whole(folder, name)]
    if missing:
        command = manifest.get(NOTES, {}).get("command", "the command that made them")
        raise DataError(
            f"{len(missing)} of the {len(manifest['shards'])} shards in {folder} are missing or damaged, such as"
            f" {missing[0]}; to make them, run again: {command}"
        )
    found: dict[str, list[Path]] = {}
    for name, about in manifest["shards"].items():
        found.setdefault(str(about["split"]), []).append(folder / name)
    return found


def _marked(folder: Path, name: str) -> tuple[Outcome, str] | None:
    """The outcome and the digest in a marker; None if there is none that can be read."""
    try:
        content = json.loads(marker(folder, name).read_text("utf-8"))
        outcome = Outcome(int(content["rows"]), int(content["failed"]), str(content["first"]))
        return outcome, str(content["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _claim(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, or compare it with the one in the folder. Raises InputError if they differ."""
    if (folder / MANIFEST).exists():
        present = read_manifest(folder)
        if present is None:
            raise InputError(f"{folder / MANIFEST} is not the manifest of a bulk job; choose another --output.")
        old, new = ({k: v for k, v in each.items() if k != NOTES} for each in (present, manifest))
        if differing := next(_differences(old, new), None):
            key, before, now = differing
            raise InputError(
                f"The folder {folder} was begun with {key} {before}, and this command has {now}; choose another"
                " --output, or run the command that it was begun with."
            )
    elif any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise InputError(f"The folder {folder} holds other files and no {MANIFEST}; choose an empty --output.")
    else:
        write_json(folder / MANIFEST, manifest)


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """The dotted key of each value that differs, and both values."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield path, _shown(old), _shown(new)
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
