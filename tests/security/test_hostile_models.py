"""Model repos made to do harm: pickles, import paths, paths out of the folder, headers and cards that lie or swell."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import sys
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

import mmzoo
from mmzoo import errors
from mmzoo.composition.save import save_model
from mmzoo.data import decode_audio, decode_image
from mmzoo.factory import build_recipe
from mmzoo.hub.cards import BEGIN, END, merged_card
from mmzoo.hub.lock import read_lock
from mmzoo.hub.sources import bundled_folder
from mmzoo.hub.tensor_file import MAX_HEADER_BYTES, open_tensors
from mmzoo.model_folder import ModelFolder

RECIPE = {
    "head": {"name": "text-vqvae", "dim": 6},
    "encoder": {"name": "text-autoencoder", "dim": 6, "width": 16, "depth": 1},
    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
}
CANARY = "hostile_canary"
PATHS = (f"{CANARY}:Model", f"{CANARY}.Model", "os:system", "os.system", "builtins.eval", "../evil", "torch.nn:Linear")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small sound model."""
    folder = save_model(build_recipe(RECIPE), tmp_path_factory.mktemp("sound"), dtype=torch.float32)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def repo(sound: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That model in a folder; beside it on the import path a module that notices being imported."""
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, content in sound.items():
        (folder / name).write_bytes(content)
    (tmp_path / f"{CANARY}.py").write_text("raise BaseException('the canary was imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def refused(folder: Path, kind: type[Exception] = errors.MmzooError) -> str:
    """What creating the model says; it must be one of our sentences, and nothing named in it may be imported."""
    with pytest.raises(kind) as caught:
        mmzoo.create(f"local-dir:{folder}")
    assert CANARY not in sys.modules
    told = str(caught.value)
    assert "\n" not in told and "\x1b" not in told and len(told) < 1000
    return told


def test_the_sound_model_is_created(repo: Path) -> None:
    assert mmzoo.create(f"local-dir:{repo}").quantizer.codebook_sizes == (16, 16)


# --- pickles -----------------------------------------------------------------------------------------


class Canary:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl", "MODEL.BIN"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_pickle_is_never_opened(name: str, beside: bool, repo: Path, tmp_path: Path) -> None:
    (repo / name).write_bytes(pickle.dumps(Canary(tmp_path / "ran")))
    if beside:
        mmzoo.create(f"local-dir:{repo}")
    else:
        (repo / "model.safetensors").unlink()
        assert "never reads pickles" in refused(repo, errors.WeightsError)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_called_safetensors_is_no_safetensors_file(repo: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"weights": Canary(tmp_path / "ran")}, buffer)
    for content in (pickle.dumps(Canary(tmp_path / "ran")), buffer.getvalue()):
        (repo / "model.safetensors").write_bytes(content)
        refused(repo, errors.CorruptFileError)
        assert not (tmp_path / "ran").exists()


# --- import paths ------------------------------------------------------------------------------------


def strings(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of every text in a JSON value."""
    if isinstance(value, str):
        return [place]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in strings(item, (*place, key))]


def test_an_import_path_in_any_text_of_a_config_imports_nothing(repo: Path) -> None:
    config = json.loads((repo / "config.json").read_text())
    places = strings(config)
    assert ("recipe", "head", "name") in places and len(places) >= 6
    for place in places:
        for path in PATHS:
            hostile = json.loads(json.dumps(config))
            target = hostile
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = path
            (repo / "config.json").write_text(json.dumps(hostile))
            try:
                mmzoo.create(f"local-dir:{repo}")
            except errors.MmzooError as error:
                assert "\n" not in str(error)
            else:  # texts that are only told, such as the version that wrote it
                assert place[0] != "recipe", place
            assert CANARY not in sys.modules


@pytest.mark.parametrize("key", ["_target_", "target", "class_name", "auto_map", "__class__", "trust_remote_code"])
@pytest.mark.parametrize("place", [(), ("recipe",), ("recipe", "head"), ("recipe", "quantizer")])
def test_keys_that_elsewhere_name_code_are_unknown_here(key: str, place: tuple[str, ...], repo: Path) -> None:
    config = json.loads((repo / "config.json").read_text())
    target = config
    for step in place:
        target = target[step]
    target[key] = f"{CANARY}:Model"
    (repo / "config.json").write_text(json.dumps(config))
    assert key in refused(repo, errors.UnknownKeyError)


def test_a_card_and_metadata_that_name_code_import_nothing(repo: Path) -> None:
    for path in PATHS:
        (repo / "README.md").write_text(f"---\nlicense: {path!r}\nlibrary_name: {path!r}\nauto_map: {path!r}\n---\n")
        tensors = {name: tensor.clone() for name, tensor in mmzoo.create(f"local-dir:{repo}").state_dict().items()}
        save_file(tensors, repo / "model.safetensors", metadata={"format": path, "auto_map": path, "class": path})
        mmzoo.create(f"local-dir:{repo}")
        assert CANARY not in sys.modules


# --- paths out of the folder -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../out.txt", "/abs.txt", "a/../../out.txt", ".hidden", "sub/a.txt", "config.json"])
def test_a_model_writes_only_plain_names_into_its_folder(name: str, tmp_path: Path) -> None:
    head = build_recipe(RECIPE)
    head.files = lambda: {name: b"out"}  # type: ignore[attr-defined]
    head.load_files = lambda folder: None  # type: ignore[attr-defined]
    with pytest.raises(errors.WeightsError, match=re.escape(repr(name))):
        save_model(head, tmp_path / "model")
    assert {path.name for path in tmp_path.rglob("*")} <= {"model"}


@pytest.mark.parametrize("source", ["hf-hub:../../etc", "hf-hub:org/..", "hf-hub:org/name@../main", "hf-hub:/etc/a"])
def test_a_source_cannot_climb(source: str) -> None:
    with pytest.raises(errors.UsageError):
        mmzoo.create(source)


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/passwd", "a/../../b", "..", ".", "", "a\\b", "a\nb", "a\x00b"]
)
def test_a_lock_cannot_name_files_outside_of_the_model(name: str, tmp_path: Path) -> None:
    entry = {"source": "bundled", "recipe": "0" * 64, "files": {name: "0" * 64}}
    with pytest.raises(errors.ConfigError, match=r"mmzoo\.lock"):
        read_lock(written_lock(tmp_path, "vqvae-speech", entry))
    entry["files"] = {"config.json": "0" * 64}
    assert read_lock(written_lock(tmp_path, "vqvae-speech", entry))["models"]


@pytest.mark.parametrize(
    "name",
    [
        *("../a", "/etc", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "a\nb", "a\x00b", "a.b.c", "local-dir:/etc"),
        *("bundled:/etc", "hf-hub:../etc", "hf-hub:org/..", "acme:/etc", "acme:..", ":x"),
    ],
)
def test_a_lock_cannot_name_models_that_are_folders(name: str, tmp_path: Path) -> None:
    entry = {"source": "bundled", "recipe": "0" * 64, "files": {"config.json": "0" * 64}}
    with pytest.raises(errors.ConfigError, match=r"mmzoo\.lock"):
        read_lock(written_lock(tmp_path, name, entry))


@pytest.mark.parametrize(
    "source", ["local-dir:/etc", "hf-hub:org/name", "hf-hub:org/name@main", "/etc", "", "bundled:x", "hf-hub:../x@main"]
)
def test_a_lock_cannot_have_models_come_from_elsewhere(source: str, tmp_path: Path) -> None:
    entry = {"source": source, "recipe": "0" * 64, "files": {"config.json": "0" * 64}}
    with pytest.raises(errors.ConfigError, match=r"mmzoo\.lock"):
        read_lock(written_lock(tmp_path, "vqvae-speech", entry))
    for sound in ("bundled", f"hf-hub:org/name@{'0' * 40}"):
        for name in ("vqvae-speech", "mmzoo-vqvae:vqvae-speech.v1", "hf-hub:org/name", f"hf-hub:org/name@{'0' * 40}"):
            assert read_lock(written_lock(tmp_path, name, {**entry, "source": sound}))


def written_lock(folder: Path, name: str, entry: dict[str, Any]) -> Path:
    path = folder / "mmzoo.lock"
    path.write_text(json.dumps({"lock_version": 1, "models": {name: entry}, "plugins": {}}))
    return path


def test_a_bundled_model_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert bundled_folder("vqvae-speech") is not None
    for name in (str(tmp_path), "../model_cards/vqvae-speech", "./vqvae-speech", "vqvae-speech/.", "", "."):
        assert bundled_folder(name) is None


@pytest.mark.parametrize("name", ["../a", "a/../b", "/etc/passwd", "a\\b", "a\x00b", "a\nb", "", ".", "a" * 300])
def test_a_tensor_cannot_be_called_a_path(name: str, tmp_path: Path) -> None:
    header = json.dumps({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "t.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with (
        pytest.raises(errors.CorruptFileError, match="is no tensor name"),
        open_tensors(tmp_path / "t.safetensors"),
    ):
        pass


# --- headers and cards that lie or swell -------------------------------------------------------------


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 1 << 40, (1 << 64) - 1])
def test_a_header_bomb_is_not_read(length: int, repo: Path) -> None:
    (repo / "model.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
    assert str(length) in refused(repo, errors.HeaderTooLargeError)


def test_shapes_that_lie_allocate_nothing(repo: Path) -> None:
    for shape, end in (([1 << 40], 4), ([1 << 40, 1 << 40], 0), ([-1], 4), ([2], 4)):
        header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
        (repo / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(end))
        refused(repo, errors.CorruptFileError)


DOUBLED = "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
ALIASES = f"a: &a [1,1]\n{DOUBLED}"
CARDS = {
    "aliases": f"{ALIASES}license: mit\n",
    "python": "license: !!python/object/apply:os.system ['touch ran']\n",
    "deep": "license: " + "[" * 20_000 + "\n",
    "long": "license: " + "x" * 70_000 + "\n",
    "no text": "license: [mit]\n",
    "no mapping": "- license\n",
    "date": "license: 2020-13-45\n",
    "tab": "\tlicense: mit\n",
    "recursive": "&a license: *a\n",
    "tags": "license: !!int ''\nother: !!bool x\nthird: !!timestamp x\n",
    "endless number": "license: mit\nnumber: 0x" + "f" * 5_000 + "\n",
}


@pytest.mark.parametrize("front", CARDS.values(), ids=CARDS)
def test_a_card_bomb_is_no_licence(front: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}---\n# Model\n")
    assert ModelFolder(tmp_path).license is None
    assert not Path("ran").exists()


@pytest.mark.parametrize("front", CARDS.values(), ids=CARDS)
def test_nothing_of_a_published_card_bomb_is_merged(front: str) -> None:
    mine = f"---\nlicense: mit\n---\n{BEGIN}\nnew\n{END}\n"
    theirs = f"---\n{front}---\n"
    assert merged_card(mine, theirs) == mine
    assert merged_card(mine, f"{theirs}# By hand\n") == f"{theirs}# By hand\n"
    assert merged_card(mine, f"{theirs}{BEGIN}\nold\n{END}\n\nBy hand.\n") == f"{mine.rstrip()}\n\nBy hand.\n"
    assert not Path("ran").exists()


def test_a_card_of_bytes_is_no_licence(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\xfe\x00\n---\n")
    assert ModelFolder(tmp_path).license in (None, "\ufffd\ufffd\x00")


# --- pictures and sounds -----------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 2), (2**31 - 1, 2**31 - 1), (50_001, 1_000)])
def test_a_huge_picture_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(errors.DataError, match="pixels"):
        decode_image({"bytes": png(*size)})


def test_a_small_picture_without_pixels_is_refused() -> None:
    with pytest.raises(errors.DataError):
        decode_image({"bytes": png(8, 8)})


def wav(rate: int, channels: int, data_bytes: int) -> bytes:
    """A WAV file of ten bytes of sound whose header claims something else."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 1, 16000, 0, "NONE", ""))
        file.writeframes(bytes(10))
    content = bytearray(buffer.getvalue())
    struct.pack_into("<HII", content, 22, channels, rate, min(rate * channels, 2**32 - 1))
    struct.pack_into("<I", content, 40, data_bytes)
    return bytes(content)


@pytest.mark.parametrize(("rate", "channels"), [(1, 1), (2**31 - 1, 1), (16000, 200), (0, 1), (16000, 0)])
def test_an_odd_sound_is_refused_by_its_header(rate: int, channels: int) -> None:
    with pytest.raises(errors.DataError):
        decode_audio({"bytes": wav(rate, channels, 10)})


def flac(claimed_samples: int) -> bytes:
    """A FLAC file of 0.1 s at 16 kHz whose header claims so many samples (STREAMINFO, RFC 9639, section 8.2)."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1600), 16000, format="FLAC")
    content = bytearray(buffer.getvalue())
    content[21] = (content[21] & 0xF0) | (claimed_samples >> 32)
    struct.pack_into(">I", content, 22, claimed_samples & 0xFFFFFFFF)
    return bytes(content)


@pytest.mark.parametrize("samples", [600 * 16000 + 1, 601 * 16000, (1 << 36) - 1])
def test_a_sound_of_more_than_ten_minutes_is_refused_by_its_header(samples: int) -> None:
    assert len(decode_audio({"bytes": flac(1600)}).samples) == 1600
    with pytest.raises(errors.DataError, match=r"\b600 s"):
        decode_audio({"bytes": flac(samples)})


@pytest.mark.parametrize("claimed", [601 * 16000, 2**31, 2**32 - 1])
def test_a_wav_that_claims_to_be_long_is_as_short_as_it_is(claimed: int) -> None:
    assert len(decode_audio({"bytes": wav(16000, 1, claimed)}).samples) == 10
