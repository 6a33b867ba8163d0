"""The dataset `hub` against the Hub's protocol: files of a dataset repository, its revisions, and what is missing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hub_server import HubServer
from PIL import Image as Pillow

PROGRAM = """
import json, sys
from mmzoo.data import decode_audio, decode_image, load_dataset_component
from mmzoo.errors import MmzooError

def seen(row):
    pictured = row["image"] is not None
    value = int(decode_image(row["image"]).pixels[0, 0, 0]) if pictured else decode_audio(row["audio"]).duration
    return [row["text"], row["label"], value]

for config in json.loads(sys.argv[1]):
    try:
        splits = load_dataset_component("hub", **config, validation=0.0)
        print(json.dumps({split: [seen(row) for row in rows] for split, rows in splits.items()}))
    except MmzooError as error:
        print(json.dumps(str(error)))
"""


def parquet_file(count: int, shade: int = 0) -> bytes:
    import pyarrow
    from pyarrow import parquet

    def png(number: int) -> bytes:
        buffer = io.BytesIO()
        Pillow.new("RGB", (4, 4), (shade + number, 0, 0)).save(buffer, "PNG")
        return buffer.getvalue()

    columns = {
        "img": [{"bytes": png(number), "path": None} for number in range(count)],
        "caption": [f"Picture {number}" for number in range(count)],
        "label": [f"class {number % 2}" for number in range(count)],
    }
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def load(environment: dict[str, str], tmp_path: Path, *configs: dict[str, Any]) -> list[Any]:
    """What a process that knows only this Hub makes of datasets: their rows, or the error."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(configs)]
    env = {**environment, "MMZOO_CACHE": str(tmp_path / "cache"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows(count: int, shade: int = 0) -> list[list[Any]]:
    return [[f"Picture {number}", f"class {number % 2}", shade + number] for number in range(count)]


def test_a_dataset_of_the_hub(hub: HubServer, environment: dict[str, str], tmp_path: Path) -> None:
    files = {"data/train-00000-of-00001.parquet": parquet_file(3), "data/test-00000-of-00001.parquet": parquet_file(1)}
    first = hub.add("datasets/org/shapes", files)
    hub.repos["datasets/org/shapes"].commit({**files, "data/train-00000-of-00001.parquet": parquet_file(2, 100)})
    columns = {"text": "label", "label": "caption", "image": "img"}
    made = load(
        environment,
        tmp_path,
        {"path": "org/shapes", "split": "train", "columns": columns},
        {"path": "org/shapes", "revision": first},
    )
    changed = [[f"class {number}", f"Picture {number}", 100 + number] for number in range(2)]
    assert made == [{"train": changed}, {"train": rows(3), "test": rows(1)}]


def wav_file(seconds: float) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(round(16_000 * seconds)) / 9), 16_000, format="WAV")
    return buffer.getvalue()


@pytest.mark.slow
def test_sounds_as_files_of_a_dataset_of_the_hub(hub: HubServer, environment: dict[str, str], tmp_path: Path) -> None:
    files = {"train/dog/a.wav": wav_file(0.5), "train/cat/b.WAV": wav_file(0.25), "test/cat/c.wav": wav_file(1)}
    hub.add("datasets/org/sounds", {**files, "README.md": b"# Sounds"})
    (made,) = load(environment, tmp_path, {"path": "org/sounds"})
    assert made == {"train": [["cat", "cat", 0.25], ["dog", "dog", 0.5]], "test": [["cat", "cat", 1.0]]}


@pytest.mark.slow
def test_what_the_hub_lacks(hub: HubServer, environment: dict[str, str], tmp_path: Path) -> None:
    hub.add("datasets/org/scripted", {"scripted.py": b"raise SystemExit(9)", "README.md": b"# Hm"})
    hub.add("datasets/org/streamed", {"train.parquet": parquet_file(5)})
    nothing, scripted, streamed = load(
        environment,
        tmp_path,
        {"path": "org/nothing"},
        {"path": "org/scripted"},
        {"path": "org/streamed", "streaming": True, "limit": 2},
    )
    assert "org/nothing" in nothing and "org/scripted" in scripted
    assert streamed == {"train": rows(2)}
