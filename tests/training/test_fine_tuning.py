"""`mmzoo train --from MODEL --data DATA`: models of every kind, on a handful of files."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from datasets import Dataset
from PIL import Image as Pillow

import mmzoo
from mmzoo.cli.main import main
from mmzoo.composition import own_tensors, save_model
from mmzoo.data import encode_audio
from mmzoo.errors import DataError, UsageError
from mmzoo.interfaces import Audio
from mmzoo.model_folder import ModelFolder
from mmzoo.training.checkpoint import list_checkpoints, read_state
from mmzoo.training.derive import derived_recipe
from mmzoo.training.start import Start, begin_from

WORDS = ("cat", "dog")


def pictures(folder: Path, names: tuple[str, ...] = WORDS, count: int = 4) -> Path:
    """Pictures of different sizes, in a folder for each class."""
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            side = np.random.default_rng(number).integers(0, 255, (40 + 8 * number, 64, 3), dtype=np.uint8)
            side[:, :, label % 3] = 255
            Pillow.fromarray(side).save(folder / name / f"{number}.png")
    return folder


def sound(seed: int, seconds: float = 1.0) -> Audio:
    time = np.arange(round(16000 * seconds)) / 16000
    return Audio((0.3 * np.sin(2 * np.pi * (200 + 40 * seed) * time)).astype(np.float32), 16000)


def sounds(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(4):
        sound(number).save(folder / f"{number}.wav")
    return folder


def texts(folder: Path) -> Path:
    folder.mkdir(parents=True)
    with (folder / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([f"Line {number} of my own text."] for number in range(8))])
    return folder / "lines.csv"


def spoken(folder: Path, speaker: str = "amy", phones: tuple[str, ...] = ("pau", "aa", "pau")) -> Path:
    """Rows with three phones and their times."""
    folder.mkdir(parents=True)
    rows = [
        {
            "id": str(number),
            "text": "Ah.",
            "audio": {"bytes": encode_audio(sound(number)), "path": None},
            "speaker": speaker,
            "phones": list(phones),
            "phone_ends_s": [0.2, 0.8, 1.0],
        }
        for number in range(6)
    ]
    Dataset.from_list(rows).to_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


SMALL_DIT = {"width": 32, "depth": 1, "heads": 2, "aligned_channels": {"place": 32, "picture": 36}}
KINDS: dict[str, tuple[str, dict[str, Any], Callable[[Path], Path]]] = {
    "pictures": ("vqvae-image", {"encoder": {"widths": [8, 12], "depth": 1}}, pictures),
    "sounds": ("vqvae-speech", {"encoder": {"width": 16, "depth": 1, "latent_depth": 1, "decoder_depth": 1}}, sounds),
    "texts": ("vqvae-words", {"encoder": {"width": 16, "depth": 1}}, texts),
    "classes": ("vqvae-dit-recognition", {"image": {"widths": [8, 8, 128], "depth": 1}}, pictures),
    "drawing": (
        "vqvae-dit-digits",
        {
            "head": {"width": 32, "feature_depth": 1},
            "text": {"width": 32},
            "backbone": {**SMALL_DIT, "vector_channels": {"text": 32}, "sequence_channels": {"words": 32}},
        },
        pictures,
    ),
    "voice": (
        "vqvae-dit-tts",
        {
            "head": {"width": 32, "prior_depth": 1},
            "text": {"width": 32, "depth": 1},
            "backbone": {
                **SMALL_DIT,
                "aligned_channels": {"text": 32, "prior": 36},
                "vector_channels": {"voice": 32},
            },
        },
        spoken,
    ),
    "phones": (
        "vqvae-dit-tts",
        {
            "head": {"width": 32, "prior_depth": 1},
            "text": {"width": 32, "depth": 1},
            "backbone": {
                **SMALL_DIT,
                "aligned_channels": {"text": 32, "prior": 36},
                "vector_channels": {"voice": 32},
            },
        },
        lambda folder: spoken(folder, "amy", ("pau", "ы", "pau")),
    ),
    "describing": ("vqvae-dit-image2speech", {"head": {"width": 32}, "picture": {"width": 32, "depth": 1}}, pictures),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))


def trained(name: str, overrides: Mapping[str, Any], folder: Path) -> Path:
    """A small model of this kind in a folder, as if it had been trained."""
    torch.manual_seed(0)
    model = mmzoo.create(name, pretrained=False, **overrides)
    if hasattr(model, "words"):
        model.words = type(model.words)(["one", "two"])
    if name == "vqvae-dit-recognition":
        model.names = [str(digit) for digit in range(10)]
    save_model(model, folder, name="mine")
    (folder / "README.md").write_text("---\nlicense: cc-by-sa-4.0\n---\n")
    return folder


@pytest.mark.parametrize(
    "kind", [kind if kind == "pictures" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_a_model_is_fine_tuned_in_one_line(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, overrides, make = KINDS[kind]
    trained(name, overrides, tmp_path / "before")
    data = make(tmp_path / "my own")
    words = ["train", "--from", "before", "--data", str(data.relative_to(tmp_path)), "steps=2", "preview_every=1"]
    assert main(words) == 0, capsys.readouterr().err
    run = tmp_path / capsys.readouterr().out.strip().rpartition("/")[0]
    stem = data.stem.replace(" ", "-")
    assert run == tmp_path / "runs" / f"mine-{stem}"

    model = mmzoo.create(run / "model")
    assert model.name == f"mine-{stem}" and model.tree.config.task == mmzoo.describe(name).task
    card = (run / "model" / "README.md").read_text()
    front = ModelFolder(run / "model").front_matter()
    assert front["base_model"] == "mine" and front["license"] == "cc-by-sa-4.0"
    assert f"`{data.name}`" in card and str(tmp_path) not in card.replace(f"local-dir:{run}", "")
    if hasattr(model, "previews"):
        assert list((run / "previews").rglob("*.png")), (run / "train.log").read_text()
    assert "kept" in (run / "train.log").read_text()

    # The derived recipe is complete: it runs again, and continues the run.
    assert yaml.safe_load((run / "recipe.yaml").read_text())["data"]["title"] == data.name
    assert main(["train", str(run / "recipe.yaml"), "steps=3"]) == 0, capsys.readouterr().err
    assert json.loads((run / "model" / "training.json").read_text())["steps"] == 3
    assert [read_state(path)["progress"]["sessions"] for path in list_checkpoints(run / "checkpoints")] == [1, 2]


def test_nothing_but_the_rows_of_other_classes_is_new(tmp_path: Path) -> None:
    name, overrides, make = KINDS["classes"]
    before, data = trained(name, overrides, tmp_path / "before"), make(tmp_path / "mine")
    (data / "dog").rename(data / "7")  # a class that the model knows
    recipe = derived_recipe("before", str(data))
    changed = recipe["model"]["overrides"]
    assert changed == {"classes": 2, "speech": None, "text": None, "fusion": {"widths": {"image": 128}}}
    old, new = mmzoo.create(before), mmzoo.create(before, pretrained=False, **changed)
    rows = Dataset.from_dict({"label": ["cat", "7"]})
    begin_from(new, Start.of(str(before)), rows, lambda line: None, fresh=True)
    assert new.names == ["7", "cat"] and new.modalities == ("image",)
    assert torch.equal(new.classify.weight[0], old.classify.weight[7])
    assert not any(torch.equal(new.classify.weight[1], row) for row in old.classify.weight)
    kept = own_tensors(old)
    for key, tensor in own_tensors(new).items():
        if not key.startswith(("classify", "class_weights", "fusion.gate")):
            assert torch.equal(tensor, kept[key]), key
    same = mmzoo.create(before)
    same.inherit(old, Dataset.from_dict({"label": ["3", "7"]}))  # all known: nothing changes
    assert same.names == old.names and torch.equal(same.classify.weight, old.classify.weight)


def test_a_new_voice_starts_from_the_known_ones(tmp_path: Path) -> None:
    name, overrides, make = KINDS["voice"]
    before, data = trained(name, {**overrides, "voices": ["slt", "bdl"]}, tmp_path / "before"), make(tmp_path / "mine")
    changed = derived_recipe("before", str(data))["model"]["overrides"]
    assert changed == {"voices": ["amy"]}
    old = mmzoo.create(before)
    new = mmzoo.create(before, pretrained=False, voices=["amy", "bdl"])
    begin_from(new, Start.of(str(before)), Dataset.from_dict({}), lambda line: None, fresh=True)
    assert torch.equal(new.voice.weight[1], old.voice.weight[1])
    torch.testing.assert_close(new.voice.weight[0], old.voice.weight.mean(0))
    assert derived_recipe("before", str(spoken(tmp_path / "known", "bdl")))["model"]["overrides"] == {}
    assert derived_recipe("before", str(spoken(tmp_path / "nobody", "")))["model"]["overrides"] == {"voices": ["own"]}


def test_new_phones_come_after_the_known_ones(tmp_path: Path) -> None:
    name, overrides, _ = KINDS["voice"]
    before = trained(name, overrides, tmp_path / "before")
    data = spoken(tmp_path / "mine", "slt", ("pau", "ы", "a1"))
    old = mmzoo.create(before)
    changed = derived_recipe("before", str(data))["model"]["overrides"]
    assert changed == {"phones": [*old.phones, "a1", "ы"], "text": {"vocabulary": len(old.phones) + 2}}
    new = mmzoo.create(before, pretrained=False, **changed)
    begin_from(new, Start.of(str(before)), Dataset.from_dict({}), lambda line: None, fresh=True)
    shapes = {key: tensor.shape for key, tensor in own_tensors(old).items()}
    for key, tensor in own_tensors(new).items():
        assert torch.equal(tensor[: shapes[key][0]] if tensor.dim() else tensor, own_tensors(old)[key]), key
    assert [segment.text for segment in new.speak_phones(["pau", "ы", "a1", "pau"]).segments] == [
        "pau",
        "ы",
        "a1",
        "pau",
    ]


@pytest.mark.parametrize("kind", ["drawing", pytest.param("describing", marks=pytest.mark.slow)])
def test_new_words_come_after_the_known_ones(kind: str, tmp_path: Path) -> None:
    name, overrides, _ = KINDS[kind]
    before = trained(name, overrides, tmp_path / "before")
    few, many = ["a cat", "two dogs"], [f"two {chr(97 + i // 26)}{chr(97 + i % 26)}z" for i in range(100)]
    old = mmzoo.create(before)
    image = {"bytes": b"", "path": None}
    assert old.adapt(Dataset.from_dict({"text": few, "image": [image] * 2})) == {}
    changed = old.adapt(Dataset.from_dict({"text": many, "image": [image] * 100}))
    assert changed["vocabulary"] == 128
    new = mmzoo.create(before, pretrained=False, **changed)
    begin_from(new, Start.of(str(before)), Dataset.from_dict({"text": many}), lambda line: None, fresh=True)
    assert new.words.words[:3] == ["one", "two", "aaz"] and len(new.words.words) == 102
    shapes = {key: tensor.shape for key, tensor in own_tensors(old).items()}
    for key, tensor in own_tensors(new).items():
        assert torch.equal(tensor[: shapes[key][0]] if tensor.dim() else tensor, own_tensors(old)[key]), key


# --- the derived recipe -------------------------------------------------------------------------------


def test_the_recipe_follows_the_models_own(tmp_path: Path) -> None:
    data = pictures(tmp_path / "My Pictures!", count=30)
    record = json.loads((ModelFolder(mmzoo.create("vqvae-image").folder).path / "training.json").read_text())["recipe"]
    recipe = derived_recipe("vqvae-image", str(data))
    assert recipe["name"] == "vqvae-image-My-Pictures"
    assert recipe["model"] == {"name": "vqvae-image", "overrides": {}, "init_from": "vqvae-image"}
    assert recipe["data"]["config"]["root"] == str(data) and recipe["data"]["title"] == data.name
    assert recipe["batch_size"] == record["batch_size"] and recipe["ema"] == record["ema"]
    assert record["precision"] == "bf16" and "precision" not in recipe  # what is fast is measured again
    assert recipe["optimizer"]["lr"] == pytest.approx(0.3 * record["optimizer"]["lr"])
    assert 200 <= recipe["steps"] < record["steps"] and recipe["optimizer"]["warmup_steps"] == recipe["steps"] // 10
    assert recipe["preview_every"] and recipe["data"]["validation_split"] == "validation"
    mine = derived_recipe("vqvae-image", str(data), ["steps=50", "data.config.validation=0", "data.limit=7"])
    assert mine["steps"] == 50 and mine["batch_size"] == 7 and mine["optimizer"]["warmup_steps"] == 5
    assert mine["data"]["validation_split"] is None and mine["validate_every"] is None


def test_the_adversary_and_what_was_frozen(tmp_path: Path) -> None:
    folder = shutil.copytree(Path(__file__).parents[2] / "model_cards" / "vqvae-speech", tmp_path / "trained")
    record = json.loads((folder / "training.json").read_text("utf-8"))
    adversary = {"critics": ["multi-resolution"], "start_step": 50, "warmup_steps": 100, "lr": 1e-3}
    record["recipe"] |= {"adversary": adversary, "steps": 2800}
    (folder / "training.json").write_text(json.dumps(record))
    recipe = derived_recipe(str(folder), str(sounds(tmp_path / "sounds")))
    assert recipe["adversary"]["start_step"] == round(50 * recipe["steps"] / 2800)
    assert "freeze" not in recipe["model"]
    assert derived_recipe("vqvae-dit-text2image", str(pictures(tmp_path / "p")))["model"]["overrides"] == {"edits": 0.7}


def test_the_data_may_be_a_registered_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(needs: Callable[[], Any], name: str, config: Mapping[str, Any]) -> dict[str, Dataset]:
        asked.append((name, dict(config), tuple(needs())))
        return {"all": Dataset.from_dict({"text": ["one text"] * 4})}

    monkeypatch.setattr("mmzoo.training.derive.load_dataset_for", load)
    recipe = derived_recipe("vqvae-words", "flite-speech", ["data.config.voice=awb"])
    assert recipe["data"]["name"] == recipe["data"]["title"] == "flite-speech"
    assert recipe["data"]["split"] == "all" and recipe["data"]["validation_split"] is None
    assert derived_recipe("vqvae-words", "hub:org/words")["data"]["title"] == "org/words"
    assert derived_recipe("vqvae-words", "csv:mine.csv")["data"]["config"] == {"path": "mine.csv"}
    asked.pop()
    assert asked == [("flite-speech", {"voice": "awb"}, ("text",)), ("hub", {"path": "org/words"}, ("text",))]


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("vqvae-dit-recognition", lambda at: pictures(at, ("cat",)), "label"),
        ("vqvae-dit-digits", sounds, "no text"),
        ("vqvae-image", lambda at: at, "nothing at|no file or folder"),
        ("vqvae-dit-speech2image", lambda at: pictures(at, ("zebra", "yak")), "'zebra'|'yak'"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_the_reason(
    name: str, make: Callable[[Path], Path], says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=says):
        derived_recipe(name, str(make(tmp_path / "mine")))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["--from", "vqvae-image"],
        ["--data", "x"],
        [],
        ["recipe.yaml", "--data", "x"],
        ["--from", "vqvae-imag", "--data", "x"],
        ["--from", "runs/none", "--data", "x"],
        ["--from", "quantizer/fsq", "--data", "x"],
        ["--from", "vqvae-image", "--data", "x", "steps"],
        ["--from", "vqvae-image", "--data", "image-folder"],
        ["--from", "vqvae-image", "--data", "small-pictures:x"],
        ["--from", "vqvae-image", "--data", "small-pictures", "stepz=3"],
        ["--from", "vqvae-image", "--data", "small-pictures", "data.configg.a=1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").mkdir()
    assert main(["train", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_license_of_the_base_binds(tmp_path: Path) -> None:
    from mmzoo.hub.cards import render_card

    shutil.copytree(mmzoo.create("vqvae-words").folder, tmp_path / "model")
    (tmp_path / "model" / "README.md").unlink()
    path = tmp_path / "model" / "training.json"
    record = json.loads(path.read_text())
    for license, others in (("cc-by-nc-4.0", False), ("apache-2.0", True)):
        path.write_text(json.dumps({**record, "base_model": {"name": "org/base", "license": license}}))
        assert f"license: {license}" in render_card(tmp_path / "model")
        if others:
            assert "license: mit" in render_card(tmp_path / "model", license="mit")
        else:
            with pytest.raises(UsageError, match=license):
                render_card(tmp_path / "model", license="mit")
    path.write_text(json.dumps({**record, "base_model": {"name": "org/base", "license": None}}))
    assert "license:" not in render_card(tmp_path / "model").partition("---\n<!--")[0]
