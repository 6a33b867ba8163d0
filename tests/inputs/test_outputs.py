"""Where results go: files of every format, open files, and paths that are refused before any work."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from given import PIXELS, RATE, SAMPLES
from PIL import Image as Pillow

from mmzoo.command_line import Output, input_file, seed_option
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image

SOUND, PICTURE = Audio(SAMPLES, RATE), Image(np.kron(PIXELS[:8, :8], np.ones((8, 8, 1), np.uint8)))
SOUNDS = {"wav": "WAV", "WAV": "WAV", "flac": "FLAC", "Ogg": "OGG", "ogg": "OGG", "mp3": "MP3", "MP3": "MP3"}
PICTURES = {"png": "PNG", "PNG": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "JPG": "JPEG", "webp": "WEBP", "WebP": "WEBP"}


@pytest.mark.parametrize(("suffix", "format"), SOUNDS.items())
def test_sounds_by_suffix_and_by_format(suffix: str, format: str, tmp_path: Path) -> None:
    path = SOUND.save(tmp_path / f"a.{suffix}")
    assert soundfile.info(path).format == format and soundfile.info(path).samplerate == RATE
    assert abs(Audio.load(path).duration - SOUND.duration) < 0.15
    buffer = io.BytesIO()
    assert SOUND.save(buffer, format=suffix) is buffer
    assert abs(len(buffer.getvalue()) - path.stat().st_size) <= 100
    with (tmp_path / f"b.{suffix}").open("wb") as stream:
        SOUND.save(stream)
    assert soundfile.info(tmp_path / f"b.{suffix}").format == format
    assert SOUND.save(tmp_path / "no suffix", format=f".{suffix}").is_file()


@pytest.mark.parametrize(("suffix", "format"), PICTURES.items())
def test_pictures_by_suffix_and_by_format(suffix: str, format: str, tmp_path: Path) -> None:
    path = PICTURE.save(tmp_path / f"a.{suffix}")
    assert Pillow.open(path).format == format
    error = np.abs(Image.load(path).pixels.astype(int) - PICTURE.pixels).mean()
    assert error == 0 if format != "JPEG" else error < 12
    buffer = io.BytesIO()
    PICTURE.save(buffer, format=suffix)
    assert buffer.getvalue() == path.read_bytes()


def test_a_long_ogg_is_written_in_blocks(tmp_path: Path) -> None:
    long = Audio(np.tile(SAMPLES, 60), RATE)
    assert abs(Audio.load(long.save(tmp_path / "a.ogg")).duration - long.duration) < 0.1


def bad_paths(folder: Path) -> dict[str, str]:
    (folder / "folder.wav").mkdir()
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.wav")
    os.mkfifo(folder / "pipe.png")
    return {
        "suffix": f"{folder}/a.xyz",
        "no suffix": f"{folder}/a",
        "folder": str(folder),
        "folder with a suffix": f"{folder}/folder.*",
        "pipe": f"{folder}/pipe.*",
        "missing folder": f"{folder}/no/a.*",
        "NUL": f"{folder}/a\0.*",
        "long name": f"{folder}/{'n' * 300}.*",
        "long path": f"{folder}/{'/'.join(['n' * 200] * 30)}.*",
        "unwritable": "/proc/a.*",
        "nothing": "",
    }


@pytest.mark.parametrize("result", [SOUND, PICTURE], ids=["sound", "picture"])
def test_paths_that_cannot_be_written(result: Any, tmp_path: Path) -> None:
    suffix = "wav" if result is SOUND else "png"
    for name, path in bad_paths(tmp_path).items():
        given = path.replace(".*", f".{suffix}")
        for refuse in (result.check_output, result.save, lambda one: Output(Path(one), type(result))):
            with pytest.raises(InputError) as caught:
                refuse(given)
            assert len(str(caught.value)) < 500, name
    with pytest.raises(InputError):
        result.save(5)


def test_open_files_need_a_format_and_bytes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wav.*flac"):
        SOUND.save(io.BytesIO())
    with pytest.raises(InputError, match="mp5"):
        SOUND.save(io.BytesIO(), format="mp5")
    with pytest.raises(InputError, match="binary"):
        PICTURE.save(io.StringIO(), format="png")
    with pytest.raises(InputError, match="NaN"):
        Audio(np.full(9, np.nan), RATE).save(tmp_path / "a.wav")
    with pytest.raises(InputError, match="mp3"):
        Audio(SAMPLES, 96_000).save(tmp_path / "a.mp3")
    assert list(tmp_path.iterdir()) == []


def test_names_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    for name in ("n" * 251, "é" * 125 + "n"):
        path = SOUND.save(tmp_path / f"{name}.wav")
        assert path.name == f"{name}.wav" and path.is_file()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = SOUND.save(tmp_path / "a.wav")
    before = path.read_bytes()
    with pytest.raises(InputError):
        Audio(np.full(9, np.inf), RATE).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


# --- what commands share -----------------------------------------------------------------------------


def test_standard_output_gets_the_file_and_nothing_else(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    for result, kinds in ((SOUND, (Audio,)), (PICTURE, (Image, Audio))):
        output = Output(Path("-"), *kinds)
        output.require(type(result), "a-model")
        output.save(result)
        output.report("done", ["seed 7"])
        written = capfdbinary.readouterr()
        assert written.err.splitlines() == [b"note: seed 7", b"standard output: done"]
        expected = io.BytesIO()
        result.save(expected, format="wav" if result is SOUND else "png")
        assert written.out == expected.getvalue()


def test_a_report_goes_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(tmp_path / "a.wav", Audio)
    output.save(SOUND)
    output.report("line\none", ["a note"])
    written = capsys.readouterr()
    assert written.out.count("\n") == 1 and str(tmp_path / "a.wav") in written.out
    assert written.err == "note: a note\n" and (tmp_path / "a.wav").is_file()


def test_a_suffix_must_fit_what_the_model_makes(tmp_path: Path) -> None:
    output = Output(tmp_path / "a.webp", Audio, Image)
    output.require(Image, "a-model")
    with pytest.raises(InputError, match="a-model"):
        output.require(Audio, "a-model")


def test_a_terminal_or_a_closed_stream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(InputError, match="terminal"):
        Output(Path("-"), Audio)
    monkeypatch.setattr(sys, "__stdout__", None)
    with pytest.raises(InputError, match="closed"):
        Output(Path("-"), Audio)
    monkeypatch.setattr(sys, "__stdin__", None)
    with pytest.raises(InputError, match="closed"):
        input_file(Path("-"))


def test_seeds_on_the_command_line() -> None:
    assert seed_option("7") == 7 and seed_option("-7") == -7 and seed_option("random") is None
    with pytest.raises(InputError, match="foo"):
        seed_option("foo")
