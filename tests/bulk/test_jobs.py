"""Shards that processes share: each is made exactly once, whoever is killed, and a damaged one is made again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import counting_job
import pytest

from mmzoo.data.jobs import DONE, Job, Outcome, finished_shards, launched_rank, read_manifest, shards_of
from mmzoo.errors import DataError, InputError

ROWS = 20
KINDS = ("file", "folder")
SHARDS = -(-ROWS // counting_job.SHARD_ROWS) + 1


def start(folder: Path, log: Path, kind: str, *rest: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, counting_job.__file__, str(folder), str(log), kind, str(ROWS), *rest]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)


def rows_in(folder: Path) -> Counter[str]:
    """The lines of all shards."""
    files = [file for file in folder.rglob("*.txt") if not any(part.startswith(".") for part in file.parts)]
    return Counter(line for file in files for line in file.read_text().splitlines())


EXPECTED = Counter([*(f"train {row * row}" for row in range(ROWS)), "test 0", "test 1"])


def made(log: Path) -> Counter[str]:
    """How often each shard was begun."""
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def test_rows_are_divided_into_shards() -> None:
    shards = shards_of({"train": 7, "empty": 0, "test": 3}, 3, ".parquet")
    assert [(shard.name, shard.rows) for shard in shards] == [
        ("train-00000-of-00003.parquet", range(3)),
        ("train-00001-of-00003.parquet", range(3, 6)),
        ("train-00002-of-00003.parquet", range(6, 7)),
        ("test-00000-of-00001.parquet", range(3)),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_job_is_not_made_again(kind: str, tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    first = counting_job.run(folder, log, kind, ROWS)
    assert rows_in(folder) == EXPECTED and first == Outcome(ROWS + 2, 1, "row 4: no")
    assert counting_job.run(folder, log, kind, ROWS) == first
    assert set(made(log).values()) == {1} and len(made(log)) == SHARDS
    assert {split: len(paths) for split, paths in finished_shards(folder).items()} == {"train": SHARDS - 1, "test": 1}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", ["make", "rename", "marker"])
def test_a_killed_process_loses_the_shard_in_work(stage: str, kind: str, tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    assert start(folder, log, kind, stage).wait(60) == -signal.SIGKILL
    with pytest.raises(DataError, match=rf"{SHARDS - 1} of the {SHARDS} shards"):
        finished_shards(folder)
    assert counting_job.run(folder, log, kind, ROWS).rows == ROWS + 2
    assert rows_in(folder) == EXPECTED and not list(folder.glob(".*partial"))
    assert sorted(made(log).values()) == [1] * (SHARDS - 1) + [2]  # only the one in work


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_make_each_shard_once(world: int, tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    ranks = [start(folder, log, "file", RANK=str(rank), WORLD_SIZE=str(world)) for rank in range(world)]
    told = [rank.communicate(timeout=60)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * world
    assert set(told) == {f"{Outcome(ROWS + 2, 1, 'row 4: no')}\n"}  # none ends before all is done
    assert rows_in(folder) == EXPECTED and set(made(log).values()) == {1}


def test_a_rank_that_is_killed_is_replaced_by_the_others(tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    lost = start(folder, log, "folder", "make", RANK="1", WORLD_SIZE="2")
    other = start(folder, log, "folder", "", "0.05", RANK="0", WORLD_SIZE="2")
    assert lost.wait(60) == -signal.SIGKILL and other.wait(60) == 0
    assert rows_in(folder) == EXPECTED and sorted(made(log).values())[-2:] <= [1, 2]


def test_two_processes_without_ranks_share_a_folder(tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    both = [start(folder, log, "file", "", "0.05") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert rows_in(folder) == EXPECTED and set(made(log).values()) == {1}
    assert len({line.split()[1] for line in log.read_text().splitlines()}) == 2


def flipped(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[0] ^= 1
    shard.write_bytes(content)


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-1])


def marked_badly(shard: Path) -> None:
    (shard.parent / DONE / f"{shard.name}.json").write_text("{}")


@pytest.mark.parametrize("damage", [flipped, cut, Path.unlink, marked_badly], ids=lambda damage: damage.__name__)
def test_a_damaged_shard_is_made_again(damage: Callable[[Path], None], tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    counting_job.run(folder, log, "file", ROWS)
    damage(folder / "train-00002-of-00007.txt")
    with pytest.raises(DataError, match="train-00002-of-00007"):
        finished_shards(folder)
    counting_job.run(folder, log, "file", ROWS)
    assert rows_in(folder) == EXPECTED
    assert [name for name, count in made(log).items() if count > 1] == ["train-00002-of-00007.txt"]


def test_a_file_missing_from_a_folder_is_damage(tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    counting_job.run(folder, log, "folder", ROWS)
    (folder / "train-00000-of-00007" / "1.txt").unlink()
    (folder / "train-00001-of-00007" / "stray.txt").write_text("")
    counting_job.run(folder, log, "folder", ROWS)
    assert rows_in(folder) == EXPECTED and sorted(made(log).values())[-3:] == [1, 2, 2]


@pytest.mark.parametrize(
    ("manifest", "shard_rows", "told"),
    [
        ({"options": {"batch": 2}}, 3, r"options\.batch 1.* has 2"),
        ({"options": {}}, 3, r"options\.batch 1"),
        ({"options": {"batch": 1}}, 4, r"shards\."),
    ],
)
def test_a_folder_holds_one_job(manifest: dict[str, object], shard_rows: int, told: str, tmp_path: Path) -> None:
    Job(tmp_path / "out", {"options": {"batch": 1}}, shards_of({"train": 7}, 3))
    before = read_manifest(tmp_path / "out")
    with pytest.raises(InputError, match=told):
        Job(tmp_path / "out", manifest, shards_of({"train": 7}, shard_rows))
    assert read_manifest(tmp_path / "out") == before
    Job(tmp_path / "out", {"options": {"batch": 1}, "made_by": {"command": "another"}}, shards_of({"train": 7}, 3))


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="other files"):
        Job(tmp_path, {}, [])
    (tmp_path / "mine.txt").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "an app"}))
    with pytest.raises(InputError, match=r"manifest\.json"):
        Job(tmp_path, {}, [])
    with pytest.raises(InputError, match="folder"):
        Job(Path("/proc/nowhere"), {}, [])
    with pytest.raises(DataError, match=r"manifest\.json"):
        finished_shards(tmp_path)


def test_a_shard_of_another_process_is_waited_for(tmp_path: Path) -> None:
    folder, log = tmp_path / "out", tmp_path / "log"
    slow = start(folder, log, "file", "", "0.1")
    while not log.exists() and slow.poll() is None:
        pass
    assert counting_job.run(folder, log, "file", ROWS).rows == ROWS + 2
    assert rows_in(folder) == EXPECTED and set(made(log).values()) == {1}
    assert slow.wait(60) == 0
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("given", "rank"),
    [
        ({}, (0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4"}, (2, 4)),
        ({"SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, (1, 2)),
        ({"RANK": "0", "WORLD_SIZE": "2", "SLURM_PROCID": "5", "SLURM_NTASKS": "9"}, (0, 2)),
        ({"RANK": "4", "WORLD_SIZE": "4"}, (0, 1)),
        ({"RANK": "a", "WORLD_SIZE": "4"}, (0, 1)),
    ],
)
def test_ranks_come_from_the_launcher(
    given: dict[str, str], rank: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert launched_rank() == rank
