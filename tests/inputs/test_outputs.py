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

from mmzoo.command_line import Output, TextOutput, input_file, seed_option
from mmzoo.data import read_text
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


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    for suffix, result in (("wav", SOUND), ("png", PICTURE)):
        (tmp_path / suffix).mkdir()
        link, target = tmp_path / f"link.{suffix}", tmp_path / suffix / f"a.{suffix}"
        link.symlink_to(target)
        for _ in range(2):  # the target is missing, then there
            result.save(link)
            assert link.is_symlink() and target.is_file() and not target.is_symlink()
    TextOutput(tmp_path / "link.wav", "--vtt").write("text")
    assert (tmp_path / "link.wav").is_symlink() and (tmp_path / "wav" / "a.wav").read_bytes() == b"text"


def test_standard_output_is_no_path_even_if_it_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "redirected").write_bytes(b"kept")
    (tmp_path / "stdout").symlink_to(tmp_path / "redirected")
    monkeypatch.setattr("mmzoo.media.outputs.DEVICES", (tmp_path,))
    with pytest.raises(InputError, match="regular"):
        SOUND.save(tmp_path / "stdout", format="wav")
    assert (tmp_path / "stdout").is_symlink() and (tmp_path / "redirected").read_bytes() == b"kept"


def test_open_files_that_take_no_bytes(tmp_path: Path) -> None:
    closed = io.BytesIO()
    closed.close()
    (tmp_path / "a.wav").touch()
    with (tmp_path / "a.wav").open("rb") as reading:
        for target in (closed, reading):
            with pytest.raises(InputError, match="wb"):
                SOUND.save(target, format="wav")


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
    for wrong in ("foo", "1.5", "", "nan"):
        with pytest.raises(InputError, match="random"):
            seed_option(wrong)


def test_texts_come_from_files_pipes_and_open_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfh\xc3\xa9\n")
    reader, writer = os.pipe()
    os.write(writer, "hé\n".encode())
    os.close(writer)
    for given in (tmp_path / "a.txt", str(tmp_path / "a.txt"), io.BytesIO("hé\n".encode()), Path(f"/dev/fd/{reader}")):
        assert read_text(given, "text", 7)[0] == "hé\n"
    os.close(reader)
    for wrong in (tmp_path, tmp_path / "none", io.BytesIO(b"\xff"), io.BytesIO(b"too long"), io.BytesIO(), "a\0b"):
        with pytest.raises(InputError):
            read_text(wrong, "text", 7)


def test_a_file_beside_the_result_is_checked_and_its_option_named(tmp_path: Path) -> None:
    TextOutput(tmp_path / "no-suffix", "--vtt")
    for name, path in bad_paths(tmp_path).items():
        if "suffix" not in name:
            with pytest.raises(InputError, match="--vtt") as caught:
                TextOutput(Path(path.replace(".*", ".wav")), "--vtt")
            assert len(str(caught.value)) < 500, name
