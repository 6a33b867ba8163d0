"""Files that appear whole or not at all, and digests."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmzoo.system import git_blob_hash, sha256_of, whole_file, write_whole


def test_a_file_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as staged:
        staged.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError):
        write_whole(tmp_path / "none" / "a.json", "x")


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with whole_file(tmp_path / "a") as staged:
            staged.chmod(0o600)  # as safetensors does
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert git_blob_hash(tmp_path / "f") == "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"  # git hash-object


def test_threads_write_one_file_without_hindering_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write_whole(path, f"{number % 10}" * 1000), range(400)))
    assert len(set(path.read_text())) == 1 and [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_a_staged_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("kept")
    (tmp_path / f".a.txt.{os.getpid()}.{threading.get_ident()}.partial").symlink_to(other)
    write_whole(tmp_path / "a.txt", "new")
    assert other.read_text() == "kept" and (tmp_path / "a.txt").read_text() == "new"
