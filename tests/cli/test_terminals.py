"""Odd terminals: closed streams, other encodings, and pipes that nobody reads. The work is kept all the same."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmzoo.cli.main import main
from mmzoo.command_line import Output
from mmzoo.interfaces import Image

SAY = [sys.executable, "-m", "mmzoo", "say", "hi", "--steps", "1"]


def test_closed_streams_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["list"]) == 0
    assert main(["no-such-command"]) == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_encoding_prints_everything(encoding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["list", "--json"]) == 0
    assert json.loads(stream.buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
    Output(tmp_path / "☃.png", Image).report("é")
    assert stream.buffer.getvalue().endswith("☃.png: é\n".encode(encoding, "backslashreplace"))  # type: ignore[attr-defined]


def closing(*numbers: int) -> Any:
    """Close file descriptors in the child, as `>&-` does."""
    return lambda: [os.close(number) for number in numbers]


@pytest.mark.slow
def test_the_sound_is_kept_whatever_happens_to_the_terminal(tmp_path: Path) -> None:
    def said(name: str, **options: Any) -> tuple[int, bytes]:
        path = tmp_path / f"{name}.wav"
        environment = {**os.environ, **options.pop("env", {})}
        code = subprocess.run([*SAY, "-o", str(path)], env=environment, check=False, **options).returncode
        return code, path.read_bytes()

    expected = said("plain")
    assert expected[0] == 0
    assert said("stdout closed", preexec_fn=closing(1)) == expected
    assert said("all closed", preexec_fn=closing(0, 1, 2)) == expected
    with Path("/dev/full").open("w") as full:
        assert said("full", stdout=full) == expected
    reader, writer = os.pipe()
    os.close(reader)
    assert said("pipe", stdout=writer) == expected
    os.close(writer)
    for name, env in (
        ("☃", {"PYTHONIOENCODING": "ascii"}),
        ("é", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ):
        assert said(name, env=env) == expected
    done = subprocess.run([*SAY, "-o", "-"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == expected and len(done.stderr.splitlines()) == 1
    done = subprocess.run([*SAY, "-o", "-"], stderr=subprocess.PIPE, preexec_fn=closing(1), check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
