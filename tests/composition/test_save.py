"""Saving a model folder."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mmzoo import errors
from mmzoo.composition import compose, save_model
from mmzoo.factory import create

TOKENIZER = {"head": "tokenizer", "encoder": {"name": "encoder", "dim": 4}, "quantizer": "vq"}


def test_the_folder(world: Any, tmp_path: Path) -> None:
    folder = save_model(compose(TOKENIZER, device="cpu", name="tok"), tmp_path / "a" / "tok")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "words.json"]
    config = json.loads((folder / "config.json").read_text())
    assert list(config) == ["format_version", "mmzoo_version", "name", "task", "modalities", "recipe"]
    assert (config["format_version"], config["name"], config["task"]) == (1, "tok", "a task")
    plain = {"dim": 4, "size": 16, "decay": 0.9, "style": "plain"}
    assert config["recipe"]["quantizer"] == {
        "name": "acme:vq",
        **plain,
        "groups": None,
        "pair": [1, 2.0],
        "names": None,
    }
    save_model(compose(TOKENIZER, device="cpu"), folder, name="x", task="y", modalities=["text"])
    config = json.loads((folder / "config.json").read_text())
    assert (config["name"], config["task"], config["modalities"]) == ("x", "y", ["text"])


def test_permissions_follow_the_umask(world: Any, tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        folder = save_model(compose(TOKENIZER, device="cpu"), tmp_path / "tok")
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_full_precision_is_exact(world: Any, tmp_path: Path) -> None:
    head = compose(TOKENIZER, device="cpu")
    folder = save_model(head, tmp_path / "tok", dtype=torch.float32)
    loaded = create(f"local-dir:{folder}")
    for (name, mine), theirs in zip(head.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name
    again = save_model(loaded, tmp_path / "again", dtype=torch.float32)
    for name in ("model.safetensors", "config.json"):
        mine, theirs = (folder / name).read_bytes(), (again / name).read_bytes()
        assert mine == theirs, name


def test_values_that_do_not_survive(world: Any, tmp_path: Path) -> None:
    head = compose(TOKENIZER, device="cpu")
    head.gain.data.fill_(1e6)
    with pytest.raises(errors.TensorValueError, match=r"gain.*float16"):
        save_model(head, tmp_path / "tok")
    assert not (tmp_path / "tok").exists()
    head.gain.data.fill_(float("nan"))
    with pytest.raises(errors.TensorValueError, match="gain"):
        save_model(head, tmp_path / "tok", dtype=torch.float32)
    head = compose(TOKENIZER, device="cpu")
    head.quantizer.codebook.fill_(1e6)  # a buffer: kept as it is
    assert load_file(save_model(head, tmp_path / "tok") / "model.safetensors")["quantizer.codebook"].max() == 1e6


def test_a_submodel_that_is_stored_nowhere(world: Any, tmp_path: Path) -> None:
    head = create("speaker", pretrained=False, tokenizer={"pretrained": False})
    with pytest.raises(errors.WeightsError, match="tokenizer"):
        save_model(head, tmp_path / "speaker")


@pytest.mark.parametrize("name", ["config.json", "../x", "a/b", ".hidden", "README.md"])
def test_files_stay_in_the_folder(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(world.module.Tokenizer, "files", lambda self: {name: b""})
    with pytest.raises(errors.WeightsError, match=re.escape(repr(name))):
        save_model(compose(TOKENIZER, device="cpu"), tmp_path / "tok")


def test_a_folder_that_cannot_be_written(world: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.WeightsError, match=re.escape(str(tmp_path / "file"))):
        save_model(compose(TOKENIZER, device="cpu"), tmp_path / "file")
