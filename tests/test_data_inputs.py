"""What may stand for a picture or for speech, and what is refused in one sentence."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from mmzoo.data import Words, as_audio, as_image, encode_audio, encode_image, make_row
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
NOISE = encode_image(Image(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)))
SOUND = Audio(np.sin(np.arange(8000) / 9).astype(np.float32) * 0.5, 8000)


def test_everything_that_stands_for_a_picture(tmp_path: Path) -> None:
    path = Image(PIXELS).save(tmp_path / "a.png")
    content = encode_image(Image(PIXELS))
    row = make_row(id="0", text="", image=content, split="train")
    for given in (
        Image(PIXELS), path, str(path), content, Pillow.fromarray(PIXELS), PIXELS, PIXELS / 255,
        torch.from_numpy(PIXELS), row, row["image"], PIXELS.astype(np.int64),
    ):  # fmt: skip
        assert np.array_equal(as_image(given).pixels, PIXELS)
    gray = as_image(PIXELS[..., 0]).pixels
    assert gray.shape == (5, 7, 3) and np.array_equal(gray[..., 1], PIXELS[..., 0])
    clear = np.dstack((PIXELS, np.zeros((5, 7), np.uint8)))
    assert (as_image(clear).pixels == 255).all()


def huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((4, 4, 2), np.uint8), "channels"),
        (np.zeros((0, 4, 3), np.uint8), r"\[0, 4, 3\]"),
        (np.zeros((4,), np.uint8), r"\[4\]"),
        (np.full((4, 4), 2.0), "255"),
        (np.full((4, 4), np.nan), r"\b0\b.*\b1\b"),
        (np.full((4, 4), 300), "255"),
        (None, "NoneType"),
        (b"no picture", None),
        (huge_png(), "30000 x 30000"),
        ("no/such.png", "no/such.png"),
        ({"image": None}, "image"),
        ([[1, 2], [3]], None),
        (Pillow.open(io.BytesIO(NOISE[: len(NOISE) // 2])), "truncated"),
        (np.zeros((8000, 8000), np.uint8), "8000 x 8000"),
    ],
)
def test_no_picture(given: Any, told: str | None) -> None:
    with pytest.raises(InputError, match=told):
        as_image(given)


def test_everything_that_stands_for_speech(tmp_path: Path) -> None:
    path = SOUND.save(tmp_path / "a.wav")
    content = encode_audio(SOUND)
    row = make_row(id="0", text="", audio=content, split="train")
    for given in (SOUND, path, str(path), content, (SOUND.samples, 8000), (SOUND.samples.astype(float), 8000), row):
        found = as_audio(given, 8000)
        assert found.sample_rate == 8000 and np.abs(found.samples - SOUND.samples).max() < 1e-3
    assert len(as_audio(SOUND, 16000).samples) == 16000


def long_wav() -> bytes:
    """A header that claims ten hours."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 100)
    found, size = bytearray(buffer.getvalue()), 2 * 16000 * 36000
    found[4:8], found[40:44] = struct.pack("<I", size + 36), struct.pack("<I", size)
    return bytes(found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Audio(np.zeros(0, np.float32), 16000), "empty"),
        (Audio(np.zeros(800, np.float32), 16000), "silent"),
        (Audio(np.full(800, np.inf, np.float32), 16000), "NaN"),
        (SOUND.samples, "sample rate"),
        ((SOUND.samples, 0), "4,000 to 192,000"),
        ((SOUND.samples, True), "4,000 to 192,000"),
        ((np.zeros((9, 800)), 16000), "channels"),
        ((np.zeros((2, 2, 800)), 16000), "channels"),
        ((np.zeros(800, np.int64), 16000), "int64"),
        ((np.zeros(800, bool), 16000), "bool"),
        ((np.zeros(800, complex), 16000), "complex"),
        ((["a"], 16000), None),
        (b"no sound", None),
        ("no/such.wav", "no/such.wav"),
        ({"audio": None}, "audio"),
        (([[1.0], [2.0, 3.0]], 16000), None),
        ((np.ones(800), 16000.5), "4,000 to 192,000"),
        (Audio(np.ones(800, np.float32), 1000), "4,000 to 192,000"),
        ((np.full(800, 20_000.0), 16000), r"\b1\b"),
        ((np.ones(700 * 4000, np.float32), 4000), "700 s"),
    ],
)
def test_no_speech(given: Any, told: str | None) -> None:
    with pytest.raises(InputError, match=told):
        as_audio(given, 16000)


def test_a_header_that_claims_ten_hours_is_refused_or_read_for_what_is_there() -> None:
    """libsndfile trusts the file's size, not the header: what is not there is not decoded either way."""
    try:
        found = as_audio(long_wav(), 16000)
    except InputError as error:
        assert "36000 s" in str(error) or "silent" in str(error)
    else:
        assert len(found.samples) <= 100


def test_accented_words_are_words() -> None:
    words = Words.of(["Été 2 naïve", "t"], 10)
    assert words.words == ["2", "ete", "naive", "t"]
    assert words.ids(["été"])[0].tolist() == [[2]] and words.ids(["日本"])[0].tolist() == [[0]]
