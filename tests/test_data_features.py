"""`mmzoo.data` for heads and plugins: required columns, cached features, pictures at one size, guesses by plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmzoo.data import (
    decode_images,
    encode_image,
    fit_image,
    guess,
    load_dataset_for,
    make_row,
    packed,
    packed_images,
    require_columns,
    to_dataset,
)
from mmzoo.errors import DataError, PluginError
from mmzoo.interfaces import Image


def picture(height: int, width: int, value: int = 7) -> Image:
    return Image(np.full((height, width, 3), value, np.uint8))


def rows_of(*sizes: tuple[int, int]) -> Any:
    made = [
        make_row(id=str(i), text="", split="train", image=encode_image(picture(*size, value=i)), caption=f"c {i}")
        for i, size in enumerate(sizes)
    ]
    return to_dataset(made)


@pytest.mark.parametrize(
    ("sizes", "side", "patch", "size"),
    [
        ([(8, 12), (8, 12)], None, 1, (8, 12)),
        ([(8, 12), (12, 8)], None, 1, (64, 64)),
        ([(8, 12), (12, 8)], None, 24, (72, 72)),
        ([(8, 12), (12, 8)], 16, 24, (16, 16)),
        ([(400, 3)], 8, 1, (8, 8)),
    ],
)
def test_pictures_are_read_at_one_size(
    tmp_path: Path, sizes: list[tuple[int, int]], side: int | None, patch: int, size: tuple[int, int]
) -> None:
    rows = rows_of(*sizes)
    pixels = packed_images(rows, tmp_path, side, patch)
    assert pixels.shape == (len(sizes), *size, 3) and pixels.dtype == np.uint8
    assert [int(one.mean()) for one in pixels] == list(range(len(sizes)))
    assert [one.pixels.shape for one in decode_images(rows["image"], side, patch)] == [(*size, 3)] * len(sizes)


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (64, 64)])
@pytest.mark.parametrize("given", [(1, 1), (1, 100), (33, 20)])
def test_any_picture_fits_any_size(how: Any, size: tuple[int, int], given: tuple[int, int]) -> None:
    fitted = fit_image(picture(*given), size, how)
    assert fitted.pixels.shape == (*size, 3)
    if how != "pad":
        assert (fitted.pixels == 7).all()


def test_the_center_is_kept() -> None:
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = 200
    assert (fit_image(Image(wide), (4, 4)).pixels == 200).all()
    same = picture(4, 4)
    assert fit_image(same, (4, 4)) is same


def test_features_are_packed_once(tmp_path: Path) -> None:
    rows, calls = rows_of((2, 2), (2, 2), (2, 2)), list[str]()

    def make(row: Any) -> Any:
        calls.append(row["id"])
        return np.full((int(row["id"]), 2), int(row["id"]), np.int16)

    for _ in range(2):
        data, offsets = packed(rows, tmp_path, "counts", make, doing="counting")
        assert data.tolist() == [[1, 1], [2, 2], [2, 2]] and data.dtype == np.int16 and offsets.tolist() == [0, 0, 1, 3]
    assert calls == ["0", "1", "2"]
    packed(rows.select([1]), tmp_path, "counts", make, doing="counting")
    packed(rows, tmp_path, "others", make, doing="counting")
    assert calls == ["0", "1", "2", "1", "0", "1", "2"]


def test_an_interrupted_packing_leaves_nothing(tmp_path: Path) -> None:
    def make(row: Any) -> Any:
        if row["id"] == "1":
            raise KeyboardInterrupt
        return np.zeros(3)

    with pytest.raises(KeyboardInterrupt):
        packed(rows_of((2, 2), (2, 2)), tmp_path, "zeros", make, doing="counting")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(DataError):
        packed(rows_of((2, 2)).select([]), tmp_path, "zeros", make, doing="counting")


@pytest.mark.parametrize("missing", ["audio", "text", "speaker", "phones", "label"])
def test_a_missing_or_empty_column_is_explained(missing: str) -> None:
    with pytest.raises(DataError, match=rf"The head.*{missing}.*image.*columns=\{{{missing}: caption\}}"):
        require_columns(rows_of((2, 2)), ["image", missing], "The head")


def test_columns_that_are_there() -> None:
    require_columns(rows_of((2, 2)), ["image", "caption", "id"], "The head")
    lists = to_dataset([make_row(id="a", text="", split="train", phones=[], n=0)])
    require_columns(lists, ["n"], "The head")
    with pytest.raises(DataError, match="phones"):
        require_columns(lists, ["phones"], "The head")


PLUGIN = """
from mmzoo import hookimpl

@hookimpl
def mmzoo_register(register):
    register.dataset("{name}", "{module}:load", summary="Mine", recognizes="{module}:mine")

def load(*, root: str, needs: list[str] | None = None):
    from datasets import Dataset, DatasetDict
    return DatasetDict(train=Dataset.from_dict({{"needs": [needs], "root": [root]}}))

def mine(path):
    return {answer}
"""


def plugin(folder: Path, name: str, answer: str) -> str:
    module = f"acme_{name}"
    (folder / f"{module}.py").write_text(PLUGIN.format(name=name, module=module, answer=answer))
    return module


MINE = '{"root": str(path)} if (path / "mine.acme").exists() else None'


def test_a_plugins_dataset_is_recognized_and_told_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmzoo_plugins: Any
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    mmzoo_plugins(plugin(tmp_path, "mine", MINE))
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mine.acme").touch()
    encoded = encode_image(picture(2, 2))
    (corpus / "a.png").write_bytes(encoded)  # a general dataset recognizes it too, and is asked after the plugin's
    found = guess(corpus)
    assert (found.name, found.config) == ("mine", {"root": str(corpus)})
    row = load_dataset_for(lambda: {"text", "audio"}, found.name, found.config)["train"][0]
    assert row == {"needs": ["audio", "text"], "root": str(corpus)}
    row = load_dataset_for(lambda: {"text"}, found.name, {**found.config, "needs": ["image"]})["train"][0]
    assert row["needs"] == ["image"]


def test_two_plugins_that_recognize_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmzoo_plugins: Any
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "mine.acme").touch()
    mmzoo_plugins(plugin(tmp_path, "one", MINE), plugin(tmp_path, "two", MINE))
    with pytest.raises(DataError, match="one and two"):
        guess(corpus)


def test_a_recognizer_that_answers_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mmzoo_plugins: Any
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    mmzoo_plugins(plugin(tmp_path, "nonsense", "True"))
    with pytest.raises(PluginError, match="nonsense"):
        guess(tmp_path)
