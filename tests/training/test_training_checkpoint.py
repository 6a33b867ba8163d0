"""Checkpoints appear whole, are verified when read, and are pruned only after a newer one stands."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from mmzoo.errors import CheckpointError
from mmzoo.training.checkpoint import (
    list_checkpoints,
    newest_checkpoint,
    read_tensors,
    remove_staging,
    verify_checkpoint,
    write_checkpoint,
)


def write(root: Path, step: int, keep: int = 3) -> Path:
    tied = torch.arange(6.0)
    tensors = {
        "model": {"a": tied, "b": tied, "view": tied.view(2, 3).t(), "empty": torch.zeros(0), "n": torch.tensor(3)}
    }
    return write_checkpoint(root, step, tensors, {"step": step}, keep=keep)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, 7)
    assert path.name == "step-00000007"
    assert verify_checkpoint(path)["step"] == 7
    tensors = read_tensors(path, "model")
    assert tensors["view"].tolist() == torch.arange(6.0).view(2, 3).t().tolist()
    assert tensors["n"].item() == 3
    assert (path / "model.safetensors").stat().st_mode & 0o044 == 0o044


def test_old_checkpoints_go_after_the_new_one_stands(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        write(tmp_path, step, keep=2)
    assert names(tmp_path) == ["step-00000003", "step-00000004"]


def test_a_checkpoint_before_stale_later_ones_is_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        write(tmp_path, step)
    write(tmp_path, 15, keep=2)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]


def test_the_same_step_again_replaces(tmp_path: Path) -> None:
    (write(tmp_path, 1) / "model.safetensors").write_bytes(b"")
    verify_checkpoint(write(tmp_path, 1))


def damage_truncate(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])


def damage_flip(path: Path) -> None:
    file = path / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))


def damage_remove(path: Path) -> None:
    (path / "state.json").unlink()


def damage_manifest(path: Path) -> None:
    (path / "manifest.json").write_text("{")


def damage_format(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format_version": 99}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (damage_truncate, "bytes"),
        (damage_flip, "sha256"),
        (damage_remove, "state.json"),
        (damage_manifest, "step-00000002"),
        (damage_format, r"\b99\b"),
    ],
)
def test_damage_is_found_and_the_one_before_is_used(tmp_path: Path, damage: Any, says: str) -> None:
    write(tmp_path, 1)
    broken = write(tmp_path, 2)
    damage(broken)
    with pytest.raises(CheckpointError, match=says):
        verify_checkpoint(broken)
    warnings: list[str] = []
    assert newest_checkpoint(tmp_path, warnings.append) == tmp_path / "step-00000001"
    assert len(warnings) == 1
    assert "step-00000002" in warnings[0]


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "checkpoints", 1)
    outside = tmp_path / "outside"
    outside.write_text("x")
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["files"]["../../outside"] = {"size": 1, "sha256": "0"}
    (path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="outside"):
        verify_checkpoint(path)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, 2)
    assert names(tmp_path) == ["step-00000001"]


def test_staging_and_strangers_are_no_checkpoints(tmp_path: Path) -> None:
    (tmp_path / ".staging-00000009-abc").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "step-00000003").write_text("a file")
    assert list_checkpoints(tmp_path) == []
    assert newest_checkpoint(tmp_path, print) is None
    remove_staging(tmp_path)
    assert names(tmp_path) == ["notes", "step-00000003"]
