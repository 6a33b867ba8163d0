"""Folders of one's own pictures and sounds: every kind of file that lies in them, and what is refused."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from mmzoo.data import COLUMNS, decode_audio, decode_image, guess, load_dataset_component, packed_images
from mmzoo.errors import ConfigError, DataError

COLORS = {
    "RGB": (200, 10, 10),
    "L": 90,
    "RGBA": (0, 200, 0, 255),
    "CMYK": (0, 0, 200, 0),
    "P": 3,
    "1": 1,
    "LA": (9, 255),
}


def picture(path: Path, size: tuple[int, int] = (6, 4), mode: str = "RGB", format: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new(mode, size, COLORS[mode]).save(path, format)  # type: ignore[arg-type]
    return path


def sound(path: Path, seconds: float = 0.2, rate: int = 16000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.3 * np.sin(np.arange(int(seconds * rate)) / 9)
    soundfile.write(path, np.repeat(samples[:, None], channels, 1), rate, format=path.suffix[1:].upper())
    return path


Maker = Callable[[Path], Path]
KINDS = [("image-folder", picture, ".png"), ("audio-folder", sound, ".wav")]
both_kinds = pytest.mark.parametrize(("name", "make", "suffix"), KINDS)


def ids(name: str, root: Path, **config: Any) -> list[str]:
    splits = load_dataset_component(name, root=str(root), **{"validation": 0.0, **config})
    return list(splits["train"]["id"])


@both_kinds
def test_classes_are_the_first_folders(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    for inside in ("red_fox/a", "red_fox/deep/er/b", "Zebra/a", "blue-whale/c"):
        make(tmp_path / f"{inside}{suffix}")
    assert guess(tmp_path).name == name
    rows = load_dataset_component(name, **guess(tmp_path).config, validation=0.0)["train"]
    assert list(zip(rows["id"], rows["label"], rows["text"], strict=True)) == [
        ("Zebra/a", "Zebra", "Zebra"),
        ("blue-whale/c", "blue-whale", "blue whale"),
        ("red_fox/a", "red_fox", "red fox"),
        ("red_fox/deep/er/b", "red_fox", "red fox"),
    ]
    assert set(COLUMNS) <= set(rows.column_names)


@both_kinds
def test_one_folder_is_no_class(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    make(tmp_path / f"files/a{suffix}")
    make(tmp_path / f"files/b{suffix}")
    assert load_dataset_component(name, root=str(tmp_path), validation=0.0)["train"]["label"] == [None, None]


@both_kinds
def test_what_is_not_data_is_ignored(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    make(tmp_path / f"a{suffix}")
    for odd in (
        f"._a{suffix}",
        f".hidden{suffix}",
        "Thumbs.db",
        ".DS_Store",
        "desktop.ini",
        "notes.md",
        f".git/b{suffix}",
    ):
        (tmp_path / odd).parent.mkdir(exist_ok=True)
        (tmp_path / odd).write_bytes(b"junk")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / f"a{suffix}").write_bytes(b"junk")
    assert ids(name, tmp_path) == ["a"]


@both_kinds
def test_odd_names_and_links(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for odd in (
        "UPPER" + suffix.upper(),
        "with space" + suffix,
        "日本語" + suffix,
        "cafe\u0301" + suffix,
        "a.b" + suffix,
    ):
        make(root / "tmp").rename(root / odd) if name == "image-folder" else make(root / f"tmp{suffix}").rename(
            root / odd
        )
    make(elsewhere / f"far{suffix}")
    (root / "linked").symlink_to(elsewhere)
    (root / f"link{suffix}").symlink_to(elsewhere / f"far{suffix}")
    (elsewhere / "loop").symlink_to(root)
    found = ids(name, root)
    assert found == ["UPPER", "a.b", "café", "link", "linked/far", "with space", "日本語"]


@both_kinds
def test_splits_by_folder(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    for inside in ("Train/x/a", "Train/y/b", "val/x/c", "test/y/d"):
        make(tmp_path / f"{inside}{suffix}")
    splits = load_dataset_component(name, root=str(tmp_path))
    assert {split: (rows["id"], rows["label"], rows["split"]) for split, rows in splits.items()} == {
        "train": (["x/a", "y/b"], ["x", "y"], ["train", "train"]),
        "validation": (["x/c"], ["x"], ["validation"]),
        "test": (["y/d"], ["y"], ["test"]),
    }


@both_kinds
def test_validation_rows_are_drawn_by_class(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    content = make(tmp_path / f"a/0{suffix}").read_bytes()
    for label, count in (("a", 20), ("b", 10), ("rare", 1)):
        (tmp_path / label).mkdir(exist_ok=True)
        for number in range(count):
            (tmp_path / label / f"{number}{suffix}").write_bytes(content)
    splits = load_dataset_component(name, root=str(tmp_path), validation=0.1)
    assert sorted(splits["validation"]["label"]) == ["a", "a", "b"]
    assert splits["train"]["label"].count("rare") == 1 and len(splits["train"]) == 28
    assert set(splits["validation"]["split"]) == {"validation"}
    again = load_dataset_component(name, root=str(tmp_path), validation=0.1)
    assert again["validation"]["id"] == splits["validation"]["id"]
    assert (
        load_dataset_component(name, root=str(tmp_path), validation=0.1, seed=1)["train"]["id"] != splits["train"]["id"]
    )


@both_kinds
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_metadata(
    tmp_path: Path, name: str, make: Maker, suffix: str, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    for inside in ("x/a", "x/b", "left-out"):
        make(tmp_path / f"{inside}{suffix}")
    lines = [
        {"file_name": f"x/{stem}{suffix}", "caption": text, "class": "letters", "mood": mood}
        for stem, text, mood in (("b", 'A "b", twice', "sad"), ("b", "Second", "glad"), ("a", "Ünïcode", "glad"))
    ]
    path = tmp_path / f"metadata.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    elif form == "parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(lines), path)
    else:
        import csv

        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]), delimiter="\t" if form == "tsv" else ",")
            writer.writeheader()
            writer.writerows(lines)
    with caplog.at_level(logging.WARNING):
        rows = load_dataset_component(name, root=str(tmp_path), validation=0.0)["train"]
    assert rows["text"] == ['A "b", twice', "Second", "Ünïcode"] and rows["id"] == ["x/b", "x/b", "x/a"]
    assert set(rows["label"]) == {"letters"} and rows["mood"] == ["sad", "glad", "glad"]
    assert "1 of 3 files" in caplog.text and "left-out" in caplog.text
    other = load_dataset_component(name, root=str(tmp_path), validation=0.0, columns={"text": "mood"})["train"]
    assert other["text"] == ["sad", "glad", "glad"]


@both_kinds
def test_bad_metadata_is_named(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    make(tmp_path / f"a{suffix}")
    path = tmp_path / "metadata.jsonl"
    for content, message in (
        (f'{{"file_name": "a{suffix}"}}\nnot json\n', "line 2"),
        ('{"file_name": "../secret"}\n', r"row 1.*\.\./secret"),
        ('{"file_name": "/etc/passwd"}\n', "/etc/passwd"),
        (f'{{"file_name": "missing{suffix}"}}\n', "1 of 1.*missing"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            load_dataset_component(name, root=str(tmp_path))
    path.write_text(f'{{"file_name": "a{suffix}", "words": "hm"}}\n')
    with pytest.raises(ConfigError, match=r"caption.*words") as caught:
        load_dataset_component(name, root=str(tmp_path), columns={"text": "caption"})
    assert caught.value.path == "columns.text"


LINES = "{0}{1}text{1} label {1}note\n" + "".join(f"{{2}}{n}{{3}}{{1}}cap {n}{{1}}{n % 2}{{1}}x\n" for n in range(3))


@both_kinds
@pytest.mark.parametrize(
    ("column", "mark", "prefix", "encoding", "newline"),
    [
        ("file_name", ",", "", "utf-8", "\r\n"),
        ("file_name", ";", "./", "utf-8-sig", "\n"),
        ("File_Name", "\t", "", "utf-16", "\r\n"),
        ("filename", "|", "", "utf-8", "\n\n"),
        ("path", ",", "{root}/", "utf-8", "\n"),
        ("KIND", ",", "", "utf-8", "\n"),
    ],
)
def test_metadata_as_people_write_it(
    tmp_path: Path,
    name: str,
    make: Maker,
    suffix: str,
    column: str,
    mark: str,
    prefix: str,
    encoding: str,
    newline: str,
) -> None:
    for number in range(3):
        make(tmp_path / f"{number}{suffix}")
    column = column.replace("KIND", name.partition("-")[0])
    text = LINES.format(column, mark, prefix.format(root=tmp_path), suffix)
    (tmp_path / "Metadata.CSV").write_bytes(text.replace("\n", newline).encode(encoding))
    rows = load_dataset_component(name, root=str(tmp_path), validation=0.0)["train"]
    assert (rows["text"], rows["label"], rows["note"]) == (["cap 0", "cap 1", "cap 2"], ["0", "1", "0"], ["x"] * 3)


@both_kinds
def test_metadata_above_the_splits_and_of_a_list(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    lines = []
    for split in ("train", "test"):
        make(tmp_path / split / f"a{suffix}")
        lines.append({"where": f"{split}/a{suffix}", "text": split, "box": [1, 2], "more": {"a": 1}})
    (tmp_path / "metadata.json").write_text(json.dumps(lines, indent=1))
    columns = {name.partition("-")[0]: "where"}
    splits = load_dataset_component(name, root=str(tmp_path), columns=columns)
    assert {split: (rows["id"], rows["text"], rows["box"]) for split, rows in splits.items()} == {
        "train": (["a"], ["train"], [[1, 2]]),
        "test": (["a"], ["test"], [[1, 2]]),
    }
    (tmp_path / "metadata.json").write_text(json.dumps([{**lines[1], "box": 1}, {**lines[1], "box": "x"}]))
    with pytest.raises(DataError, match="box"):
        load_dataset_component(name, root=str(tmp_path), columns=columns)


@both_kinds
def test_metadata_that_cannot_be_used_is_never_ignored_in_silence(
    tmp_path: Path, name: str, make: Maker, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path / f"a{suffix}")
    path = tmp_path / "metadata.csv"
    path.write_text(f"thing,text\na{suffix},A\n")
    assert ids(name, tmp_path) == ["a"]
    assert str(path) in caplog.text and "thing, text" in caplog.text
    path.write_bytes(f"file_name,text\na{suffix},caf\xe9\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"line 2.*UTF-8"):
        ids(name, tmp_path)
    path.write_text(f"file_name,text\na{suffix},Yes, no\n")
    with pytest.raises(DataError, match=r"line 2.*quotation"):
        ids(name, tmp_path)


@both_kinds
def test_a_text_beside_a_file(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    make(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_text("  What it\nshows. ", encoding="utf-8-sig")
    assert load_dataset_component(name, root=str(tmp_path))["train"]["text"] == ["What it shows."]


@both_kinds
def test_unreadable_files_are_named_and_skipped(
    tmp_path: Path, name: str, make: Maker, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = make(tmp_path / f"00{suffix}").read_bytes()
    for number in range(1, 40):
        (tmp_path / f"{number:02d}{suffix}").write_bytes(content)
    (tmp_path / f"07{suffix}").write_bytes(b"")
    (tmp_path / f"08{suffix}").write_bytes(b"<!DOCTYPE html>" * 9)
    with caplog.at_level(logging.WARNING):
        assert len(ids(name, tmp_path)) == 38
    assert "2 of 40" in caplog.text and f"07{suffix}" in caplog.text and f"08{suffix}" in caplog.text
    with pytest.raises(DataError, match=rf"2 of 40.*0\.01.*07\{suffix}"):
        ids(name, tmp_path, max_unreadable=0.01)
    (tmp_path / f"09{suffix}").symlink_to(tmp_path / "nowhere") if not (tmp_path / f"09{suffix}").unlink() else None
    with pytest.raises(DataError, match="3 of 40"):
        ids(name, tmp_path)


@both_kinds
def test_empty_and_missing_folders(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    with pytest.raises(DataError, match="nowhere"):
        load_dataset_component(name, root=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="has no"):
        load_dataset_component(name, root=str(tmp_path))
    with pytest.raises(DataError, match="is a file"):
        load_dataset_component(name, root=str(make(tmp_path / f"a{suffix}")))
    for key, value in (("validation", 1.0), ("max_unreadable", -0.1)):
        with pytest.raises(ConfigError) as caught:
            load_dataset_component(name, root=str(tmp_path), **{key: value})
        assert caught.value.path == key


@both_kinds
def test_a_changed_file_changes_the_fingerprint(tmp_path: Path, name: str, make: Maker, suffix: str) -> None:
    path = make(tmp_path / f"a{suffix}")
    first = load_dataset_component(name, root=str(tmp_path))["train"]._fingerprint
    assert load_dataset_component(name, root=str(tmp_path))["train"]._fingerprint == first
    os.utime(path, (1, 1))
    assert load_dataset_component(name, root=str(tmp_path))["train"]._fingerprint != first


# --- pictures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "format", "suffix"),
    [
        ("RGB", "JPEG", ".JPG"), ("L", "JPEG", ".jpeg"), ("CMYK", "JPEG", ".jpg"), ("RGBA", "PNG", ".png"),
        ("P", "GIF", ".gif"), ("RGB", "WEBP", ".webp"), ("RGB", "BMP", ".bmp"), ("CMYK", "TIFF", ".tif"),
        ("1", "PNG", ".png"), ("LA", "PNG", ".PNG"),
    ],
)  # fmt: skip
def test_any_format_beside_others_of_other_sizes(tmp_path: Path, mode: str, format: str, suffix: str) -> None:
    picture(tmp_path / f"a{suffix}", (30, 17), mode, format)
    picture(tmp_path / "b.png", (9, 40))
    rows = load_dataset_component("image-folder", root=str(tmp_path), validation=0.0)["train"]
    assert packed_images(rows, tmp_path / "cache").shape == (2, 64, 64, 3)
    assert packed_images(rows, tmp_path / "cache", side=16).shape == (2, 16, 16, 3)


@pytest.mark.parametrize(("fit", "left", "middle"), [("crop", 80, 80), ("pad", 255, 80), ("stretch", 0, 80)])
def test_size_is_an_argument(tmp_path: Path, fit: str, left: int, middle: int) -> None:
    pixels = np.zeros((60, 20, 3), np.uint8)
    pixels[20:40] = 80  # the square in the middle of a tall picture
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    rows = load_dataset_component("image-folder", root=str(tmp_path), size=10, fit=fit)["train"]
    fitted = decode_image(rows[0]["image"]).pixels
    assert fitted.shape == (10, 10, 3) and abs(int(fitted[5, 5, 0]) - middle) <= 5
    corner = fitted[0, 0, 0]
    assert abs(int(corner) - left) <= 12


# --- sounds -------------------------------------------------------------------------------------------


def test_sounds_of_any_rate_and_channels(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", 0.2, 8000)
    sound(tmp_path / "b.flac", 0.2, 44100, 2)
    sound(tmp_path / "c.ogg", 0.2, 48000, 2)
    rows = load_dataset_component("audio-folder", root=str(tmp_path), validation=0.0)["train"]
    assert [decode_audio(cell).sample_rate for cell in rows["audio"]] == [8000, 44100, 48000]
    rows = load_dataset_component("audio-folder", root=str(tmp_path), sample_rate=16000, validation=0.0)["train"]
    for cell in rows["audio"]:
        audio = decode_audio(cell)
        assert audio.sample_rate == 16000 and audio.duration == pytest.approx(0.2, abs=0.01)


def test_long_sounds_are_cut_into_clips(tmp_path: Path) -> None:
    sound(tmp_path / "long.wav", 3.3, 8000)
    sound(tmp_path / "short.wav", 0.5, 8000)
    sound(tmp_path / "said.wav", 3.3, 8000)
    (tmp_path / "said.txt").write_text("A text belongs to all of its sound.")
    rows = load_dataset_component("audio-folder", root=str(tmp_path), clip_seconds=1.5, validation=0.0)["train"]
    lengths = {row["id"]: decode_audio(row["audio"]).duration for row in rows}
    assert lengths == {"long-0000": 1.5, "long-0001": 1.5, "said": 3.3, "short": 0.5}  # 0.3 s is too short to keep
    whole = load_dataset_component("audio-folder", root=str(tmp_path), clip_seconds=None, validation=0.0)["train"]
    assert whole["id"] == ["long", "said", "short"] and whole[0]["audio"]["bytes"] is None


def test_long_sounds_of_a_class_are_cut_too(tmp_path: Path) -> None:
    for label in ("dog_bark", "cat"):
        sound(tmp_path / label / "a.wav", 2.5, 8000)
    rows = load_dataset_component("audio-folder", root=str(tmp_path), clip_seconds=1.0, validation=0.0)["train"]
    assert rows["id"] == [f"{label}/a-000{n}" for label in ("cat", "dog_bark") for n in (0, 1)]
    assert set(rows["label"]) == {"cat", "dog_bark"} and set(rows["text"]) == {"cat", "dog bark"}


def test_texts_are_aligned_only_if_phones_are_needed(tmp_path: Path, spoken: dict[str, Any]) -> None:
    for name, entry in spoken.items():
        (tmp_path / f"{name}.flac").write_bytes((Path(__file__).parent / "spoken" / f"{name}.flac").read_bytes())
        (tmp_path / f"{name}.txt").write_text(entry["text"])
    config = {"root": str(tmp_path), "validation": 0.0, "speaker": "me"}
    assert "phones" not in load_dataset_component("audio-folder", **config)["train"].column_names
    rows = load_dataset_component("audio-folder", needs=["phones", "audio"], **config)["train"]
    assert {row["id"]: row["phones"] for row in rows} == {name: entry["phones"] for name, entry in spoken.items()}
    assert set(rows["speaker"]) == {"me"}
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"NAME\.txt"):
        load_dataset_component("audio-folder", needs=["phones", "audio"], **config)


def test_a_pipe_or_device_is_refused_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), os.devnull):
        with pytest.raises(DataError, match="No dataset recognizes"):
            guess(path)
