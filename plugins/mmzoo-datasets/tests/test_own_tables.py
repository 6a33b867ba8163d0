"""Parquet, csv and jsonl files, folders that `datasets` reads, and guessing which dataset reads a path."""

from __future__ import annotations

import io
import json
import re
import tarfile
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pytest
import soundfile
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, Image, Value
from mmzoo_datasets.own.tables import rows_of
from PIL import Image as Pillow
from pyarrow import parquet

from mmzoo.data import COLUMNS, decode_audio, decode_image, guess, load_dataset_component
from mmzoo.errors import ConfigError, DataError


def png(number: int, size: tuple[int, int] = (6, 4)) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", size, (number * 10, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def wav(rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(rate // 10) / 9), rate, format="WAV")
    return buffer.getvalue()


def cells(contents: list[bytes]) -> list[dict[str, Any]]:
    return [{"bytes": content, "path": None} for content in contents]


@pytest.fixture
def pictures() -> Dataset:
    """Encoded pictures, captions and classes under names of their own, as many datasets of the Hub have them."""
    features = Features(
        {
            "img": Image(decode=False),
            "caption": Value("string"),
            "label": ClassLabel(names=["cat", "dog_house"]),
            "votes": Value("int64"),
        }
    )
    columns = {
        "img": cells([png(number, (6 + number, 4)) for number in range(6)]),
        "caption": [f"Number {number}" for number in range(6)],
        "label": [0, 1, 0, 1, 0, 1],
        "votes": list(range(6)),
    }
    return Dataset.from_dict(columns, features=features).cast_column("img", Image())


def check_pictures(rows: Dataset, count: int = 6, classes: tuple[str, ...] = ("cat", "dog_house")) -> None:
    assert len(rows) == count and {*COLUMNS, "votes"} == set(rows.column_names)
    for number, row in enumerate(rows):
        assert decode_image(row["image"]).pixels.shape == (4, 6 + number, 3)
        assert decode_image(row["image"]).pixels[0, 0, 0] == 10 * number
        assert (row["text"], row["votes"], row["audio"]) == (f"Number {number}", number, None)
        assert row["label"] == classes[number % 2]


def test_parquet_with_pictures_of_datasets(tmp_path: Path, pictures: Dataset) -> None:
    for split, rows in (("train", pictures), ("test", pictures.select(range(2)))):
        rows.to_parquet(tmp_path / f"{split}-00000-of-00001.parquet")
    for path in (tmp_path, tmp_path / "*.parquet"):
        splits = load_dataset_component("parquet", path=str(path), validation=0.0)
        assert list(splits) == ["train", "test"] and set(splits["test"]["split"]) == {"test"}
        check_pictures(splits["train"])
    assert guess(tmp_path).name == "parquet"


@pytest.mark.parametrize("form", ["bytes", "struct", "path"])
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_parquet_with_plain_columns(tmp_path: Path, form: str, kind: str) -> None:
    content = png(1) if kind == "image" else wav()
    (tmp_path / "file.png").write_bytes(content)
    (tmp_path / "file.wav").write_bytes(content)
    name = "file.png" if kind == "image" else "file.wav"
    cell = {"bytes": content, "struct": {"bytes": content, "path": None}, "path": name}[form]
    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({"thing": [cell, cell], "class": [3, 4], "note": ["a", None]}), path)
    rows = load_dataset_component("parquet", path=str(path), columns={kind: "thing"}, validation=0.0)["train"]
    decoded = decode_image(rows[0]["image"]).pixels if kind == "image" else decode_audio(rows[0]["audio"]).samples
    assert decoded.size and rows["label"] == ["3", "4"] and rows["note"] == ["a", None]


def test_other_columns_may_be_ones_that_a_head_needs(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({"said": ["hm"], "sounds": [["hh", "m"]]}), path)
    columns = {"text": "said", "phones": "sounds"}
    (row,) = load_dataset_component("parquet", path=str(path), columns=columns)["train"]
    assert row["text"] == "hm" and row["phones"] == ["hh", "m"]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_tables_with_paths(tmp_path: Path, form: str) -> None:
    (tmp_path / "pics").mkdir()
    for number in range(3):
        (tmp_path / "pics" / f"{number}.PNG").write_bytes(png(number))
    lines = [{"where": f"pics/{n}.PNG", "sentence": f"One, two {n}", "n": n} for n in range(3)]
    path = tmp_path / f"my.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(line) + "\n\n" for line in lines))
    else:
        mark = "\t" if form == "tsv" else ","
        rows = [mark.join(f'"{value}"' for value in line.values()) for line in lines]
        path.write_text("\ufeff" + "\r\n".join([mark.join(lines[0]), *rows]) + "\r\n", encoding="utf-8")
    assert guess(path).name == "csv"
    found = load_dataset_component(**_loaded(path), validation=0.0)["train"]
    assert found["text"] == ["One, two 0", "One, two 1", "One, two 2"]
    assert [decode_image(cell).pixels[0, 0, 0] for cell in found["image"]] == [0, 10, 20]


def _loaded(path: Path) -> dict[str, Any]:
    found = guess(path)
    return {"name": found.name, **found.config}


def test_a_table_of_texts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\nhello,a\nbye,b\n")
    rows = load_dataset_component("csv", path=str(tmp_path / "t.csv"), validation=0.0)["train"]
    assert rows["text"] == ["hello", "bye"] and rows["label"] == ["a", "b"] and rows["image"] == [None, None]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.csv", 'id;text\n1;Hallo, Welt\n2;"Ja; nein"\n'),
        ("a.csv", "\ttext\n0\tHallo, Welt\n1\tJa; nein\n"),
        ("a.csv", "text|n\nHallo, Welt|1\nJa; nein|2\n"),
        ("a.csv", '\n,text\n0,"Hallo, Welt"\n1,Ja; nein\n'),
        ("a.json", '[{"text": "Hallo, Welt"},\n {"text": "Ja; nein"}]'),
        ("a.txt", "Hallo, Welt\r\n\r\nJa; nein"),
    ],
)
def test_texts_in_any_layout(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_bytes(content.encode())
    rows = load_dataset_component(**_loaded(tmp_path / file), validation=0.0)["train"]
    assert rows["text"] == ["Hallo, Welt", "Ja; nein"] and set(rows.column_names) <= {*COLUMNS, "n"}


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("csv", "a.csv", b"", "column names"),
        ("csv", "a.csv", b"a,a\n1,2\n", "a,a"),
        ("csv", "a.csv", b"a,b\n1,2,3\n", "line 2.*2 values"),
        ("csv", "a.csv", b"a\n", "no rows"),
        ("csv", "a.csv", b"a\n\xff\xfe\n", r"a\.csv"),
        ("csv", "a.jsonl", b'{"a": 1}\n[2]\n', "line 2"),
        ("csv", "a.jsonl", b'{"a": 1}\n{"a": "x"}\n', "type"),
        ("parquet", "a.parquet", b"PAR1 no", r"a\.parquet"),
        ("parquet", "b.txt", b"", r"\*\.parquet"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, name: str, file: str, content: bytes, message: str) -> None:
    (tmp_path / file).write_bytes(content)
    path = tmp_path / ("*.parquet" if file == "b.txt" else file)
    with pytest.raises(DataError, match=message):
        load_dataset_component(name, path=str(path))


def test_a_column_that_does_not_exist_or_holds_no_files(tmp_path: Path, pictures: Dataset) -> None:
    pictures.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ConfigError, match=r"photo.*img, caption") as caught:
        load_dataset_component("parquet", path=str(tmp_path), columns={"image": "photo"})
    assert caught.value.path == "columns.image"
    with pytest.raises(DataError, match=r"votes.*int64"):
        load_dataset_component("parquet", path=str(tmp_path), columns={"image": "votes"})


# --- what `datasets` reads ----------------------------------------------------------------------------


@pytest.mark.parametrize("several", [True, False])
def test_a_folder_of_save_to_disk(tmp_path: Path, pictures: Dataset, several: bool) -> None:
    (DatasetDict(train=pictures, test=pictures.select([0])) if several else pictures).save_to_disk(tmp_path / "saved")
    assert guess(tmp_path / "saved").name == "hub"
    splits = load_dataset_component(**_loaded(tmp_path / "saved"), validation=0.0)
    check_pictures(splits["train"])
    assert list(splits) == (["train", "test"] if several else ["train"])
    columns = {"image": "img", "text": "label"}
    only = load_dataset_component("hub", path=str(tmp_path / "saved"), columns=columns, limit=3, validation=0.0)[
        "train"
    ]
    assert only["text"] == ["0", "1", "0"] or only["text"] == ["cat", "dog house", "cat"]


def test_a_local_folder_of_parquet(tmp_path: Path, pictures: Dataset) -> None:
    (tmp_path / "data").mkdir()
    pictures.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    path = {"path": str(tmp_path), "validation": 0.0}
    check_pictures(load_dataset_component("hub", **path)["train"])
    check_pictures(load_dataset_component("hub", **path, split="train[:50%]")["train"], 3)
    check_pictures(load_dataset_component("hub", **path, streaming=True, limit=4)["train"], 4)
    with pytest.raises(ConfigError, match="limit"):
        load_dataset_component("hub", **path, streaming=True)
    with pytest.raises(DataError, match="tset"):
        load_dataset_component("hub", **path, split="tset")


def test_a_folder_of_webdataset(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "train-000.tar", "w") as archive:
        for number in range(3):
            for suffix, content in (("png", png(number)), ("txt", b"hm %d" % number), ("cls", b"%d" % number)):
                info = tarfile.TarInfo(f"{number:03d}.{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    rows = load_dataset_component("hub", path=str(tmp_path), validation=0.0)["train"]
    assert list(zip(rows["id"], rows["text"], rows["label"], strict=True)) == [
        ("000", "hm 0", "0"), ("001", "hm 1", "1"), ("002", "hm 2", "2"),
    ]  # fmt: skip
    assert decode_image(rows[2]["image"]).pixels[0, 0, 0] == 20 and set(rows.column_names) == set(COLUMNS)


@pytest.mark.parametrize(("suffix", "column"), [(".wav", "audio"), (".png", "image")])
def test_a_folder_of_files_is_read_like_ours(tmp_path: Path, suffix: str, column: str) -> None:
    for name in ("a/train", "b/test-tube"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}{suffix}").write_bytes(wav() if suffix == ".wav" else png(1))
    splits = load_dataset_component("hub", path=str(tmp_path), validation=0.0)
    assert list(splits) == ["train"] and splits["train"]["label"] == ["a", "b"] and all(splits["train"][column])
    assert len(load_dataset_component("hub", path=str(tmp_path), validation=0.0, limit=1)["train"]) == 1


@pytest.mark.parametrize("streaming", [True, False])
def test_sounds_of_datasets_need_no_decoder(tmp_path: Path, streaming: bool) -> None:
    rows = Dataset.from_dict({"audio": cells([wav(), wav(16000)]), "sentence": ["a", "b"]})
    rows.cast_column("audio", Audio(decode=False)).to_parquet(tmp_path / "train.parquet")
    options = {"streaming": True, "limit": 2} if streaming else {}
    for name in ("hub", "parquet")[: 1 if streaming else 2]:
        found = load_dataset_component(name, path=str(tmp_path), validation=0.0, **options)["train"]
        assert [decode_audio(cell).sample_rate for cell in found["audio"]] == [8000, 16000]
        assert found["text"] == ["a", "b"]


def test_a_script_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(DataError, match="evil"):
        load_dataset_component("hub", path=str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("streaming", [{}, {"streaming": True, "limit": 2}])
def test_a_hub_that_does_not_answer_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, streaming: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"org/name.*network"):
        load_dataset_component("hub", path="org/name", **streaming)
    assert time.monotonic() - begin < 5 and capfd.readouterr().err == ""
    assert not datasets.config.HF_HUB_OFFLINE


def test_paths_in_a_local_folder_are_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0.png").write_bytes(png(1))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.csv").write_text("img,text\n../0.png,hm\n")
    monkeypatch.chdir(tmp_path)
    (row,) = load_dataset_component("hub", path="texts")["train"]
    assert decode_image(row["image"]).pixels[0, 0, 0] == 10


def test_a_downloaded_table_names_no_files_of_this_machine() -> None:
    with pytest.raises(DataError, match=r"/etc/passwd"):
        rows_of(Dataset.from_dict({"image": ["/etc/passwd"]}), "train", "org/name", {})


def test_a_split_of_a_table_without_splits_and_a_file_are_refused(tmp_path: Path, pictures: Dataset) -> None:
    pictures.save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="limit"):
        load_dataset_component("hub", path=str(tmp_path / "saved"), split="train[:2]")
    pictures.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet is a file"):
        load_dataset_component("hub", path=str(tmp_path / "a.parquet"))


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "~/nowhere", "a/b/c"])
def test_a_folder_that_does_not_exist(path: str) -> None:
    with pytest.raises(DataError, match=r"nowhere|a/b/c"):
        load_dataset_component("hub", path=path)


# --- guessing -----------------------------------------------------------------------------------------


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    ("files", "name", "config"),
    [
        (("a/1.JPG", "b/2.webp", "metadata.csv"), "image-folder", {"root": ""}),
        (("a/1.mp3", "b/2.Ogg", "cover.jpg"), "audio-folder", {"root": ""}),
        (("data/train-0.parquet", "README.md"), "parquet", {"path": ""}),
        (("texts.csv", "notes.txt"), "csv", {"path": "/texts.csv"}),
        (("train/n01440764/a.JPEG", "val/b.JPEG"), "imagenet-1k", {"root": ""}),
        (("annotations/captions_val2014.json", "val2014/a.jpg"), "coco-captions", {"root": "", "year": 2014}),
        (("dev-clean/84/121123/84-121123.trans.txt", "dev-clean/84/121123/a.flac"), "librispeech", {"root": ""}),
        (("validation_list.txt", "testing_list.txt", "yes/a.wav"), "speech-commands", {"root": ""}),
        (("dataset_info.json", "data-0.arrow", "state.json"), "hub", {"path": ""}),
    ],
)
def test_a_folder_is_recognized(tmp_path: Path, files: tuple[str, ...], name: str, config: dict[str, Any]) -> None:
    found = guess(touch(tmp_path, *files))
    paths = {key: f"{tmp_path}{value}" if isinstance(value, str) else value for key, value in config.items()}
    assert (found.name, found.config) == (name, paths)


def test_a_small_voice_keeps_most_rows_for_training(ljspeech_folder: Path) -> None:
    found = guess(ljspeech_folder)
    assert found.name == "ljspeech" and found.config["test"] == 0 and found.config["validation"] == 1
    assert len(load_dataset_component(**_loaded(ljspeech_folder), needs=[])["train"]) == 2


def test_a_table_with_bars_and_names_of_columns_is_no_ljspeech(tmp_path: Path) -> None:
    touch(tmp_path, "wavs/a.wav")
    (tmp_path / "metadata.csv").write_text("file_name|text\nwavs/a.wav|Hm.\n")
    assert guess(tmp_path).name == "audio-folder"


@pytest.mark.parametrize("files", [(), (".hidden.png", "Thumbs.db"), ("movie.avi",)])
def test_what_is_not_recognized(tmp_path: Path, files: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        guess(touch(tmp_path, *files))


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("mypicture", "my-pictures"), ("./my_pictures", "my-pictures"), ("image-foldr", "image-folder"),
        ("org/name", "hub:org/name"), ("/nowhere/at/all", "/nowhere/at/all"), ("x" * 300, "check"), ("a\0b", "check"),
        ("", "check"),
    ],
)  # fmt: skip
def test_a_path_that_does_not_exist_gets_a_suggestion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, hint: str
) -> None:
    (tmp_path / "my-pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=re.escape(hint)):
        guess(given)
