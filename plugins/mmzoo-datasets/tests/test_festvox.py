"""FestVox's layout: recordings with phone times of their own, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmzoo_datasets.festvox import RUSSIAN, festvox_ru

from mmzoo.data import decode_audio, encode_audio, guess, load_dataset_component
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio

TEXTS = "etc/txt.done.data"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six recordings of a second."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "voice"
    for name in ("etc", "wav", "lab"):
        (root / name).mkdir(parents=True)
    lines = []
    for number in range(6):
        noise = np.random.default_rng(number).normal(0, 0.1, 16_000).astype(np.float32)
        (root / "wav" / f"ru_{number}.wav").write_bytes(encode_audio(Audio(noise, 16_000)))
        (root / "lab" / f"ru_{number}.lab").write_text("#\n0.2 125 pau\n0.50000 125 yy\n\n0.9 125 pau\n")
        lines.append(f'( ru_{number} "Прядь вол+ос, \\"{number}\\"." )\n')
    (root / TEXTS).write_text("".join(lines), encoding="utf-8")
    return root


def test_recordings_have_their_texts_and_phone_times(folder: Path) -> None:
    splits = load_dataset_component("festvox-ru", root=str(folder), validation=1, test=2)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 3, "validation": 1, "test": 2}
    assert len({row["id"] for rows in splits.values() for row in rows}) == 6
    for name, rows in splits.items():
        for row in rows:
            assert row["split"] == name and row["speaker"] == "nsh" and row["phone_set"] == "festvox-ru"
            assert row["text"] == f'Прядь волос, "{row["id"][-1]}".'
            assert row["phones"] == ["pau", "yy", "pau"] and row["phone_ends_s"] == pytest.approx([0.2, 0.5, 0.9])
            assert row["audio"]["path"] == str(folder / "wav" / f"{row['id']}.wav")
    again = load_dataset_component("festvox-ru", root=str(folder), validation=1, test=2)
    assert {name: rows["id"] for name, rows in again.items()} == {name: rows["id"] for name, rows in splits.items()}
    other = load_dataset_component("festvox-ru", root=str(folder), validation=1, test=2, seed=1)
    assert other["test"]["id"] != splits["test"]["id"]


def test_resampled_recordings_keep_their_phones(folder: Path) -> None:
    rows = festvox_ru(root=str(folder), validation=0, test=0, sample_rate=24_000)["train"]
    assert decode_audio(rows[0]["audio"]).sample_rate == 24_000
    assert rows[0]["phones"] == ["pau", "yy", "pau"]


def test_a_folder_in_this_layout_is_recognized(folder: Path) -> None:
    guessed = guess(folder)
    assert guessed.name == "festvox-ru" and guessed.config["root"] == str(folder)
    assert len(load_dataset_component(guessed.name, **guessed.config)["train"]) == 6


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (TEXTS, None, "festvox-ru.*txt.done.data"),
        (TEXTS, "", "no texts"),
        (TEXTS, '( a "b" )\nsomething\n', "line 2.*something"),
        (TEXTS, '( ../a "b" )\n', "line 1.*'../a'"),
        (TEXTS, '( a "b" )\n( a "c" )\n', "line 2.*'a'"),
        (TEXTS, b'( a "\xff" )\n', "UTF-8"),
        ("lab/ru_3.lab", None, r"ru_3\.lab"),
        ("lab/ru_3.lab", "0.2 125 pau\n", r"ru_3\.lab.*#"),
        ("lab/ru_3.lab", "#\n", r"ru_3\.lab.*phones"),
        ("lab/ru_3.lab", "#\n0.2 125\n", r"ru_3\.lab, line 2"),
        ("lab/ru_3.lab", "#\n0.2 125 pau\n0.2 125 a\n", r"ru_3\.lab, line 3"),
        ("lab/ru_3.lab", "#\n0,2 125 pau\n", r"ru_3\.lab, line 2"),
        ("lab/ru_3.lab", "#\nnan 125 pau\n", r"ru_3\.lab, line 2"),
        ("wav/ru_3.wav", None, r"ru_3\.wav"),
    ],
)
def test_malformed_folders_are_refused(folder: Path, file: str, content: Any, words: str) -> None:
    path = folder / file
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
    with pytest.raises(DataError, match=words):
        festvox_ru(root=str(folder), validation=1, test=1)


def test_a_missing_folder_and_too_few_recordings_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="apt-get install festvox-ru"):
        festvox_ru(root=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="6 recordings"):
        festvox_ru(root=str(folder))


@pytest.mark.slow
@pytest.mark.skipif(not Path(RUSSIAN).is_dir(), reason="Debian's package festvox-ru is not installed")
def test_the_package_has_620_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    splits = festvox_ru()
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 540, "validation": 20, "test": 60}
    assert len({phone for rows in splits.values() for phones in rows["phones"] for phone in phones}) == 51
