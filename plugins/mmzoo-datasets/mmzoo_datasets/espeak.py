"""Runs the espeak-ng synthesiser: text to speech, without phone times."""

from __future__ import annotations

import shutil
import subprocess

from mmzoo.errors import DataError
from mmzoo.interfaces import Audio

WORDS_A_MINUTE = 160


def espeak_program() -> str:
    """Path of the program. Raises DataError if it is not installed."""
    found = shutil.which("espeak-ng")
    if found is None:
        raise DataError(
            "espeak-ng is not installed; install Debian's package espeak-ng (apt-get install espeak-ng) to build this"
            " dataset."
        )
    return found


def speak(text: str, voice: str = "en-us", rate: float = 1.0, sample_rate: int = 16_000) -> Audio:
    """Speak one text. voice: as espeak-ng names them, such as `en-us+f3`. Raises DataError for one it lacks."""
    from mmzoo.data import decode_audio

    speed = str(round(WORDS_A_MINUTE * rate))
    done = subprocess.run(
        [espeak_program(), "-v", voice, "-s", speed, "--stdout", text],
        capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0 or len(done.stdout) <= 44:
        told = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise DataError(f"espeak-ng failed ({done.returncode}) with voice {voice!r} on {text[:60]!r}: {told}.")
    return decode_audio({"bytes": done.stdout, "path": None}, sample_rate=sample_rate)
