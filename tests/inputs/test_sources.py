"""Files, open files, dataset rows and arrays: the same input gives the same result however it is given."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
import torch
from given import PICTURE_VERBS, PIXELS, RATE, SAMPLES, SOUND_VERBS, TEXT, TEXT_VERBS, Verb, light, values
from PIL import Image as Pillow

from mmzoo.data import as_audio, as_batch, as_image, as_text, decode_audio, decode_image
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image

FLOATS = SAMPLES.astype(np.float32)
INT16 = np.round(SAMPLES * 32_768).astype(np.int16)
CHANNELS_FIRST = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))


def wav() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, INT16, RATE, format="WAV")
    return buffer.getvalue()


def png() -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


class Decoder:
    """As torchcodec's `AudioDecoder`, with what `datasets` adds to it."""

    def get_all_samples(self) -> Any:
        return SimpleNamespace(data=torch.from_numpy(FLOATS)[None], sample_rate=RATE, pts_seconds=0.0)

    def __getitem__(self, key: str) -> Any:
        return {"array": FLOATS, "sampling_rate": RATE}[key]


class Pipe(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, content: bytes) -> None:
        self.content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.content.readinto(buffer)


def at_its_end(content: bytes) -> io.BytesIO:
    stream = io.BytesIO(content)
    stream.seek(0, io.SEEK_END)
    return stream


def files(content: bytes, path: Path) -> dict[str, Callable[[], Any]]:
    path.write_bytes(content)
    return {
        "path": lambda: path,
        "str": lambda: str(path),
        "bytes": lambda: content,
        "bytearray": lambda: bytearray(content),
        "memoryview": lambda: memoryview(content),
        "BytesIO": lambda: io.BytesIO(content),
        "BytesIO at its end": lambda: at_its_end(content),
        "open file": lambda: path.open("rb"),
        "pipe": lambda: io.BufferedReader(Pipe(content)),
        "cell of bytes": lambda: {"bytes": content, "path": None},
        "cell of a path": lambda: {"bytes": None, "path": str(path)},
        "cell of both": lambda: {"bytes": content, "path": "gone"},
    }


def sounds(folder: Path) -> dict[str, Callable[[], Any]]:
    given = files(wav(), folder / "a.wav")
    encoded = datasets.Dataset.from_dict({"audio": [{"bytes": wav(), "path": None}]})
    given["row of datasets"] = lambda: encoded.cast_column("audio", datasets.Audio(decode=False))[0]
    given["decoded row"] = lambda: {"audio": {"array": SAMPLES, "sampling_rate": RATE, "path": None}}
    given["row of a decoder"] = lambda: {"audio": Decoder()}
    given["decoder"] = Decoder
    given["decoded samples"] = lambda: Decoder().get_all_samples()
    given["row of an Audio"] = lambda: {"audio": Audio(FLOATS, RATE)}
    given["Audio"] = lambda: Audio(FLOATS, RATE)
    return given


def pictures(folder: Path) -> dict[str, Callable[[], Any]]:
    given = files(png(), folder / "a.png")
    encoded = datasets.Dataset.from_dict({"image": [{"bytes": png(), "path": None}]})
    given["row of datasets"] = lambda: encoded.cast_column("image", datasets.Image())[0]
    given["encoded row of datasets"] = lambda: encoded.cast_column("image", datasets.Image(decode=False))[0]
    given["row of a Pillow image"] = lambda: {"image": Pillow.fromarray(PIXELS)}
    given["row of an array"] = lambda: {"image": PIXELS}
    given["Pillow image"] = lambda: Pillow.fromarray(PIXELS)
    given["Image"] = lambda: Image(PIXELS)
    return given


def test_a_sound_from_anywhere_is_the_same(tmp_path: Path) -> None:
    for name, given in sounds(tmp_path).items():
        assert np.abs(as_audio(given(), RATE).samples - FLOATS).max() < 1e-6, name
        assert np.abs(decode_audio(given()).samples - FLOATS).max() < 1e-6, name


def test_a_picture_from_anywhere_is_the_same(tmp_path: Path) -> None:
    for name, given in pictures(tmp_path).items():
        assert np.array_equal(as_image(given()).pixels, PIXELS), name
        assert np.array_equal(decode_image(given()).pixels, PIXELS), name


@pytest.mark.parametrize("verb", light(SOUND_VERBS, "vqvae-speech.tokenize"))
def test_every_verb_takes_a_sound_from_anywhere(verb: Verb, tmp_path: Path) -> None:
    expected = values(verb((FLOATS, RATE)))
    for name, given in sounds(tmp_path).items():
        assert values(verb(given())) == expected, name


@pytest.mark.parametrize("verb", light(PICTURE_VERBS, "vqvae-image.tokenize", "vqvae-dit-recognition"))
def test_every_verb_takes_a_picture_from_anywhere(verb: Verb, tmp_path: Path) -> None:
    expected = values(verb(Image(PIXELS)))
    for name, given in pictures(tmp_path).items():
        assert values(verb(given())) == expected, name


@pytest.mark.parametrize("verb", light(TEXT_VERBS, "phonemizer-en", "vqvae-words.tokenize"))
def test_every_verb_takes_a_text_from_a_row(verb: Verb) -> None:
    expected = values(verb(TEXT))
    assert values(verb({"id": "0", "text": TEXT})) == expected == values(verb(np.array([TEXT])[0]))
    for wrong in (3, None, {"id": "0"}, {"text": None}):
        with pytest.raises(InputError):
            verb(wrong)


def test_a_text_is_a_string() -> None:
    assert type(as_text(np.str_("a"))) is str
    with pytest.raises(InputError, match="bytes"):
        as_text(b"a")


def test_columns_of_datasets_are_batches_and_samples_with_a_rate_are_not() -> None:
    column = datasets.Dataset.from_dict({"text": ["a", "b"]})["text"]
    assert as_batch(column) == as_batch(("a", "b")) == ["a", "b"]
    for one in ("ab", b"ab", (FLOATS, RATE), (RATE, INT16), FLOATS, {"text": "a"}, Pillow.fromarray(PIXELS)):
        assert as_batch(one) is None


SOUND_ARRAYS = {
    "int16": INT16,
    "int32": INT16.astype(np.int32) << 16,
    "uint16": (INT16.astype(np.int32) + 32_768).astype(np.uint16),
    "float64": SAMPLES,
    "big-endian": FLOATS.astype(">f4"),
    "list": FLOATS.tolist(),
    "[1, T]": FLOATS[None],
    "[T, 1]": FLOATS[:, None],
    "[1, 1, T]": FLOATS[None, None],
    "[2, T]": np.stack([FLOATS, FLOATS]),
    "[T, 2]": np.stack([FLOATS, FLOATS], 1),
    "int16 [T, 2]": np.stack([INT16, INT16], 1),
    "strided": np.repeat(FLOATS, 2)[::2],
    "reversed": np.ascontiguousarray(FLOATS[::-1])[::-1],
    "tensor": torch.from_numpy(FLOATS),
    "int16 tensor [1, T]": torch.from_numpy(INT16)[None],
    "double tensor": torch.from_numpy(SAMPLES),
    "tensor with a gradient": torch.from_numpy(FLOATS).clone().requires_grad_(),
}


@pytest.mark.parametrize("given", SOUND_ARRAYS.values(), ids=SOUND_ARRAYS)
def test_samples_of_any_dtype_and_layout(given: Any) -> None:
    for audio in (Audio(given, RATE), as_audio((given, RATE), RATE), as_audio((RATE, given), RATE)):
        assert audio.samples.dtype == np.float32 and audio.samples.flags.c_contiguous
        assert np.abs(audio.samples - FLOATS).max() < 1e-6
    torch.from_numpy(audio.samples)  # which takes no negative strides


@pytest.mark.parametrize(
    ("given", "step"),
    [
        (np.round(SAMPLES * 128 + 128).astype(np.uint8), 1 / 128),
        (np.round(SAMPLES * 128).astype(np.int8), 1 / 128),
        (FLOATS.astype(np.float16), 1e-3),
        (torch.from_numpy(FLOATS).bfloat16(), 1e-2),
        (torch.from_numpy(FLOATS).half(), 1e-3),
    ],
    ids=["uint8", "int8", "float16", "bfloat16 tensor", "float16 tensor"],
)
def test_samples_of_few_bits(given: Any, step: float) -> None:
    assert np.abs(Audio(given, RATE).samples - FLOATS).max() <= step


def test_the_shorter_axis_holds_the_channels() -> None:
    assert len(Audio(np.zeros((2, 2)), RATE).samples) == 2
    assert Audio(np.array([[0.5, 0.1], [0.5, 0.3]]), RATE).samples.tolist() == pytest.approx([0.5, 0.2])
    assert Audio(np.array([[0.5, 0.1], [0.5, 0.3], [0, 0]]), RATE).samples.tolist() == pytest.approx([0.3, 0.4, 0])
    assert np.allclose(Audio(np.stack([FLOATS, -FLOATS, FLOATS]), RATE).samples, FLOATS / 3, atol=1e-6)


@pytest.mark.parametrize("rate", [np.int64(8000), np.array(8000), torch.tensor(8000), 8000.0, np.float32(8000)])
def test_rates_of_any_type(rate: Any) -> None:
    audio = Audio(FLOATS, rate)
    assert type(audio.sample_rate) is int and audio.sample_rate == 8000


@pytest.mark.parametrize("rate", [0, -1, 8000.5, "8000", True, None, float("nan"), np.array([8000, 8000])])
def test_no_rates(rate: Any) -> None:
    with pytest.raises(InputError, match="rate"):
        Audio(FLOATS, rate)


PICTURE_ARRAYS = {
    "int64": PIXELS.astype(np.int64),
    "int16": PIXELS.astype(np.int16),
    "uint16": PIXELS.astype(np.uint16) * 257,
    "float16": (PIXELS / 255).astype(np.float16),
    "float64": PIXELS / 255,
    "big-endian": PIXELS.astype(">i4"),
    "list": PIXELS.tolist(),
    "[C, H, W]": CHANNELS_FIRST,
    "float [1, C, H, W]": CHANNELS_FIRST[None] / 255,
    "strided": np.repeat(PIXELS, 2, axis=1)[:, ::2],
    "reversed": np.ascontiguousarray(PIXELS[::-1, ::-1])[::-1, ::-1],
    "tensor": torch.from_numpy(PIXELS.copy()),
    "tensor [C, H, W]": torch.from_numpy(CHANNELS_FIRST) / 255,
    "float16 tensor": (torch.from_numpy(CHANNELS_FIRST) / 255).half(),
    "tensor with a gradient": (torch.from_numpy(CHANNELS_FIRST) / 255).requires_grad_(),
    "RGBA": np.dstack([PIXELS, np.full((32, 32), 255, np.uint8)]),
}


@pytest.mark.parametrize("given", PICTURE_ARRAYS.values(), ids=PICTURE_ARRAYS)
def test_pixels_of_any_dtype_and_layout(given: Any) -> None:
    for image in (Image(given), as_image(given)):
        assert image.pixels.dtype == np.uint8 and np.array_equal(image.pixels, PIXELS)
    torch.from_numpy(image.pixels)


def test_bfloat16_pixels_and_gray_ones() -> None:
    assert np.abs(Image((torch.from_numpy(PIXELS) / 255).bfloat16()).pixels.astype(int) - PIXELS).max() <= 1
    gray = np.repeat(PIXELS[..., :1], 3, axis=2)
    for given in (PIXELS[..., 0], PIXELS[..., :1], PIXELS[None, ..., 0], torch.from_numpy(PIXELS[..., 0] / 255)):
        assert np.array_equal(as_image(given).pixels, gray)
    assert as_image(np.eye(8, dtype=bool)).pixels[0, :2, 0].tolist() == [255, 0]


BAD = {
    "URL": ("https://example.com/a", "https://example.com/a"),
    "URL as a path": (Path("https://example.com/a"), "URL"),
    "bucket": ("s3://bucket/a", "s3://bucket/a"),
    "data URL": ("data:image/png;base64,AAAA", "URL"),
    "missing": ("no/such/file", "no/such/file"),
    "NUL": ("a\0b", None),
    "too long": ("n" * 5000, None),
    "folder": (".", None),
    "nothing": ("", None),
    "no bytes": (b"", "empty"),
    "empty stream": (io.BytesIO(), "empty"),
    "text stream": (io.StringIO("text"), "binary"),
    "garbage": (b"garbage" * 99, None),
    "number": (5, "int"),
    "object": (object(), None),
    "empty row": ({}, None),
    "row of None": ({"image": None, "audio": None}, None),
}


@pytest.mark.parametrize(("given", "named"), BAD.values(), ids=BAD)
def test_what_is_neither_a_sound_nor_a_picture(given: Any, named: str | None) -> None:
    for read in (as_image, lambda one: as_audio(one, RATE)):
        with pytest.raises(InputError, match=named) as caught:
            read(given)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for content in (b"", b"garbage" * 99, wav()[:20], png()[:20]):
        (tmp_path / "broken").write_bytes(content)
        for read in (Audio.load, Image.load):
            with pytest.raises(InputError, match="broken"):
                read(tmp_path / "broken")
    stream = (tmp_path / "broken").open("rb")
    stream.close()
    with pytest.raises(InputError, match="closed"):
        Image.load(stream)
