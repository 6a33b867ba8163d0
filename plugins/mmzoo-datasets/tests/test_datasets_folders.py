"""Public corpora in their own layouts, made small: what becomes a row, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from mmzoo.data import COLUMNS, decode_audio, decode_image, load_dataset_component
from mmzoo.errors import DataError


def picture(path: Path, colour: tuple[int, int, int] = (1, 2, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", (6, 4), colour).save(path, "PNG")


def sound(path: Path, seconds: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(16000 * seconds), np.float32), 16000, format=path.suffix[1:].upper())


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    root = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    picture(root / "train" / "n01440764" / "n01440764_10026.JPEG")
    picture(root / "train" / "n02119789" / "n02119789_1.JPEG")
    picture(root / "val" / "ILSVRC2012_val_00000001.JPEG", (9, 9, 9))
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01440764 tench, Tinca tinca\nn02119789 kit fox, Vulpes\n")
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\nILSVRC2012_val_00000001,n02119789 1 2 3 4\n"
    )
    return root


def test_imagenet(imagenet: Path):
    splits = load_dataset_component("imagenet-1k", root=str(imagenet))
    assert tuple(splits["train"].column_names) == COLUMNS
    assert list(zip(splits["train"]["text"], splits["train"]["label"], strict=True)) == [
        ("tench", "n01440764"),
        ("kit fox", "n02119789"),
    ]
    (row,) = splits["validation"]
    assert (row["id"], row["text"], row["label"]) == ("ILSVRC2012_val_00000001", "kit fox", "n02119789")
    assert decode_image(row["image"]).pixels.shape == (4, 6, 3)
    assert row["image"]["bytes"] is None


def test_imagenet_with_validation_in_class_folders_and_without_names(tmp_path: Path):
    picture(tmp_path / "train" / "n1" / "a.JPEG")
    picture(tmp_path / "val" / "n2" / "b.JPEG")
    (row,) = load_dataset_component("imagenet-1k", root=str(tmp_path))["validation"]
    assert (row["text"], row["label"]) == ("n2", "n2")


def test_imagenet_that_is_not_whole(imagenet: Path, tmp_path: Path):
    (tmp_path / "LOC_val_solution.csv").unlink()
    with pytest.raises(DataError, match=r"LOC_val_solution\.csv"):
        load_dataset_component("imagenet-1k", root=str(imagenet))
    (tmp_path / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n")
    with pytest.raises(DataError, match=r"LOC_val_solution\.csv"):
        load_dataset_component("imagenet-1k", root=str(imagenet))
    with pytest.raises(DataError, match=r"ILSVRC|train"):
        load_dataset_component("imagenet-1k", root=str(imagenet / "train"))


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    picture(tmp_path / "val2017" / "000000000139.jpg")
    content = {
        "images": [{"id": 139, "file_name": "000000000139.jpg", "height": 4, "width": 6}],
        "annotations": [
            {"id": 7, "image_id": 139, "caption": "A room with\n chairs. "},
            {"id": 8, "image_id": 139, "caption": "A table."},
        ],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "captions_val2017.json").write_text(json.dumps(content))
    return tmp_path


def test_coco(coco: Path):
    splits = load_dataset_component("coco-captions", root=str(coco))
    assert list(splits) == ["validation"]
    rows = splits["validation"]
    assert rows["text"] == ["A room with chairs.", "A table."]
    assert rows["label"] == ["139", "139"] and rows["id"] == ["139-7", "139-8"]
    assert decode_image(rows[0]["image"]).pixels.shape == (4, 6, 3)


def test_coco_that_is_not_whole(coco: Path, tmp_path: Path):
    (coco / "val2017" / "000000000139.jpg").unlink()
    with pytest.raises(DataError, match=r"\b7\b.*\b139\b"):
        load_dataset_component("coco-captions", root=str(coco))
    (coco / "annotations" / "captions_val2017.json").write_text("{}")
    with pytest.raises(DataError, match="COCO"):
        load_dataset_component("coco-captions", root=str(coco))
    with pytest.raises(DataError, match=re.escape(str(coco))):
        load_dataset_component("coco-captions", root=str(coco), year=2014)


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    for part, speaker in (("train-clean-100", 19), ("dev-clean", 84), ("test-clean", 61)):
        chapter = tmp_path / part / str(speaker) / "198"
        sound(chapter / f"{speaker}-198-0000.flac")
        (chapter / f"{speaker}-198.trans.txt").write_text(f"{speaker}-198-0000 NORTHANGER ABBEY'S\n")
    return tmp_path


def test_librispeech(librispeech: Path):
    splits = load_dataset_component("librispeech", root=str(librispeech))
    assert {split: rows["speaker"] for split, rows in splits.items()} == {
        "train": ["19"],
        "validation": ["84"],
        "test": ["61"],
    }
    (row,) = splits["test"]
    assert row["text"] == "northanger abbey's" and row["id"] == "61-198-0000"
    assert decode_audio(row["audio"]).duration == pytest.approx(0.1)
    only = load_dataset_component("librispeech", root=str(librispeech), train=[], validation=[])
    assert list(only) == ["test"]


def test_librispeech_that_is_not_whole(librispeech: Path):
    with pytest.raises(DataError, match="test"):
        load_dataset_component("librispeech", root=str(librispeech), test=["test-other"])
    next(librispeech.glob("test-clean/*/*/*.flac")).unlink()
    with pytest.raises(DataError, match="61-198-0000"):
        load_dataset_component("librispeech", root=str(librispeech))


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    for name in ("yes/0a_nohash_0", "yes/0b_nohash_0", "no/0a_nohash_1", "_background_noise_/hum"):
        sound(tmp_path / f"{name}.wav")
    (tmp_path / "validation_list.txt").write_text("yes/0b_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("no/0a_nohash_1.wav\n")
    return tmp_path


def test_speech_commands(commands: Path):
    splits = load_dataset_component("speech-commands", root=str(commands))
    assert {split: list(zip(rows["label"], rows["speaker"], strict=True)) for split, rows in splits.items()} == {
        "train": [("yes", "0a")],
        "validation": [("yes", "0b")],
        "test": [("no", "0a")],
    }
    assert decode_audio(splits["train"][0]["audio"]).sample_rate == 16000


def test_speech_commands_that_are_not_whole(commands: Path):
    (commands / "no" / "0a_nohash_1.wav").unlink()
    with pytest.raises(DataError, match=r"\b1\b.*no/0a_nohash_1\.wav"):
        load_dataset_component("speech-commands", root=str(commands))
    (commands / "testing_list.txt").unlink()
    with pytest.raises(DataError, match="testing_list"):
        load_dataset_component("speech-commands", root=str(commands))


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize(
    ("name", "files", "rows"),
    [
        ("imagenet-1k", "train/*/*.JPEG", 2),
        ("coco-captions", "val2017/*.jpg", 4),
        ("librispeech", "train-clean-100/*/*/*.flac", 2),
        ("speech-commands", "yes/0[ac]*.wav", 2),
    ],
)
def test_unreadable_files_are_named_and_left_out(
    name: str, files: str, rows: int, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
):
    root: Path = request.getfixturevalue({"imagenet-1k": "imagenet", "coco-captions": "coco"}.get(name, "librispeech"))
    if name == "coco-captions":
        annotations = root / "annotations" / "captions_val2017.json"
        content = json.loads(annotations.read_text())
        content["images"].append({"id": 140, "file_name": "000000000140.jpg"})
        content["annotations"] += [{"id": n, "image_id": 140, "caption": "A cat."} for n in (9, 10)]
        annotations.write_text(json.dumps(content))
        picture(root / "val2017" / "000000000140.jpg")
    elif name == "librispeech":
        transcript = next(root.glob("train-clean-100/*/*/*.txt"))
        transcript.write_text(transcript.read_text() + "19-198-0001 AGAIN\n")
        sound(transcript.parent / "19-198-0001.flac")
    elif name == "speech-commands":
        request.getfixturevalue("commands")
        sound(root / "yes" / "0c_nohash_0.wav")
    bad = max(root.glob(files))
    damaged(bad)
    split = "validation" if name == "coco-captions" else "train"
    kept = load_dataset_component(name, root=str(root), max_unreadable=0.5)[split]
    assert len(kept) == rows // 2 and f"{rows // 2} of {rows}" in caplog.text and bad.name in caplog.text
    with pytest.raises(DataError, match=re.escape(bad.name)):
        load_dataset_component(name, root=str(root))
