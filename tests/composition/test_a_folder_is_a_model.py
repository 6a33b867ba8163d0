"""Wherever a model's name is taken, the path of a folder with a config.json works, except in configs from the Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mmzoo
from mmzoo import errors
from mmzoo.cli.main import main
from mmzoo.composition import own_tensors
from mmzoo.factory import create
from mmzoo.hub.published import FoundModel, find_model, model_name
from mmzoo.resolve import resolve, resolve_recipe

ROOT = Path(__file__).parent.parent.parent
WRITTEN: dict[str, Callable[[Path], Any]] = {
    "relative": lambda folder: "runs/v4/model",
    "dotted": lambda folder: "./runs/v4/model",
    "upwards": lambda folder: "runs/../runs/v4/model",
    "slash": lambda folder: "runs/v4/model/",
    "absolute": str,
    "home": lambda folder: "~/runs/v4/model",
    "path": lambda folder: Path("runs/v4/model"),
    "home path": lambda folder: Path("~/runs/v4/model"),
    "source": lambda folder: f"local-dir:{folder}",
}


@pytest.fixture
def folder(tok: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the model `tok` in `runs/v4/model` of the current folder, which is also the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Path(shutil.copytree(tok, tmp_path / "runs" / "v4" / "model"))


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_every_way_to_write_a_path_works(written: Callable[[Path], Any], folder: Path) -> None:
    name = written(folder)
    model, stored = create(name), create("tok")
    assert model.folder.resolve() == folder
    assert all(torch.equal(tensor, own_tensors(stored)[key]) for key, tensor in own_tensors(model).items())
    assert find_model(name).weights_file().resolve() == folder / "model.safetensors"
    assert create(name, part="quantizer") is not None and create(name, steps=3, pretrained=False).steps == 3


@pytest.mark.parametrize("as_mapping", [False, True])
@pytest.mark.parametrize("written", ["runs/v4/model", Path("runs/v4/model")], ids=["text", "path"])
def test_a_slot_takes_a_folder(written: Any, as_mapping: bool, folder: Path) -> None:
    value = {"model": written} if as_mapping else written
    speaker = create("speaker", tokenizer=value, pretrained=False)
    assert speaker.tokenizer.folder.resolve() == folder
    assert speaker.recipe["tokenizer"]["model"] == f"local-dir:{folder}"  # a saved config does not depend on the folder
    tree = resolve_recipe({"head": "speaker", "tokenizer": written, "sampler": "euler"})
    assert tree.models["tokenizer"].name == f"local-dir:{folder}"


def test_registered_names_and_parts_come_first(world: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tok", "vq", "quantizer/vq", "sampler/none", "unknown/x", "mine", "encoder"):
        shutil.copytree(folder, folder.parent / name, dirs_exist_ok=True)
    monkeypatch.chdir(folder.parent)
    assert model_name("tok") == "tok" and model_name("vq") == "vq" and model_name("quantizer/vq") == "quantizer/vq"
    assert model_name("./tok") == f"local-dir:{folder.parent}/tok" == model_name(Path("tok"))
    assert model_name("mine") == f"local-dir:{folder.parent}/mine"
    assert model_name("unknown/x") == f"local-dir:{folder.parent}/unknown/x"
    with pytest.raises(errors.UnknownNameError, match="none"):
        create("sampler/none")
    assert create("./quantizer/vq").folder.resolve() == folder.parent / "quantizer" / "vq"


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_config_from_the_hub_names_no_folder(
    written: Callable[[Path], Any], folder: Path, speaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((speaker / "config.json").read_text())
    config["recipe"]["tokenizer"] = {"model": str(written(folder))}
    (speaker / "config.json").write_text(json.dumps(config))
    assert resolve("speaker").models["tokenizer"].name == f"local-dir:{folder}"
    monkeypatch.setattr(FoundModel, "downloaded", property(lambda found: found.spec is not None))
    monkeypatch.setattr(FoundModel, "at_commit", lambda found: found)
    with pytest.raises(errors.UsageError):
        resolve("speaker")


@pytest.mark.parametrize("name", ["runs/v4", "runs/none", "x" * 5000, "a\0b/c", "~nobody-of-this-name/x", "runs"])
def test_what_is_no_model_folder_is_one_sentence(name: str, folder: Path) -> None:
    with pytest.raises(errors.UnknownNameError) as caught:
        create(name)
    text = str(caught.value)
    assert len(text) < 500 and "\n" not in text
    assert ("runs/v4/model" in text) == (name == "runs/v4")


def test_an_empty_path_and_a_missing_folder(folder: Path) -> None:
    for name, kind in ((Path("none"), errors.UsageError), ("", errors.UsageError), (Path("runs"), errors.ConfigError)):
        with pytest.raises(kind):
            create(name)
    assert resolve(Path("runs/v4/model")).title == "tok"


BUNDLED = ROOT / "model_cards" / "vqvae-dit-recognition"


@pytest.mark.parametrize(
    "words",
    [
        ("show", "{}"),
        ("verify", "--files-only", "{}"),
        ("recognize", "{}", "--text", "three"),
        ("convert", "{}", "copy"),
        ("pull", "{}"),
        ("evaluate", "{}", "--tables"),
        ("push", "{}", "--repo", "you/copy", "--dry-run"),
    ],
    ids=lambda words: words[0],
)
def test_commands_take_a_folder(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mmzoo.hub.publishing.prove", lambda staged: None)  # a process of its own, tested elsewhere
    shutil.copytree(BUNDLED, tmp_path / "runs" / "v4" / "model")
    monkeypatch.chdir(tmp_path)
    done = main([word.format("runs/v4/model") for word in words])
    assert done == 0, capsys.readouterr().err


def test_describe_reads_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BUNDLED.parent)
    described = mmzoo.describe("./vqvae-dit-recognition")
    assert described.task == "recognition" and described.licenses == {f"local-dir:{BUNDLED}": "apache-2.0"}
    assert mmzoo.describe(BUNDLED) == described and mmzoo.describe("vqvae-dit-recognition").plugin
