"""Runs the espeak-ng synthesizer: text to speech, without phone times."""

from __future__ import annotations

import shutil
import subprocess

from mmzoo.errors import DataError
from mmzoo.interfaces import Audio

WORDS_A_MINUTE = 160


def espeak_program() -> str:
    """Path of the program; DataError if it is not installed."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise DataError(
            "espeak-ng is not installed; install Debian's package espeak-ng (apt-get install espeak-ng) to build this"
            " dataset."
        )
    return program


def speak(text: str, voice: str = "en-us", rate: float = 1.0, sample_rate: int = 16_000) -> Audio:
    """Speak one text.

    Args:
        text: What to say.
        voice: A voice of espeak-ng, such as `en-us+f3`.
        rate: Speed relative to WORDS_A_MINUTE.
        sample_rate: In Hz.

    Raises:
        DataError: The program or the voice is missing.
    """
    from mmzoo.data import decode_audio

    speed = str(round(WORDS_A_MINUTE * rate))
    done = subprocess.run(
        [espeak_program(), "-v", voice, "-s", speed, "--stdout", text],
        capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0 or len(done.stdout) <= 44:
        message = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise DataError(f"espeak-ng failed ({done.returncode}) with voice {voice!r} on {text[:60]!r}: {message}.")
    return decode_audio({"bytes": done.stdout, "path": None}, sample_rate=sample_rate)
