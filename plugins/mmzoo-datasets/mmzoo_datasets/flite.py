"""Runs the flite synthesizer: text to speech with phone times, and words to phones."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmzoo.errors import ConfigError, DataError

VOICES = ("slt", "rms", "awb", "kal16")
PHONE_SET = "flite"
SAMPLE_RATE = 16_000
PHONE_VOICE = "kal16"
"""The voice used when only phones are needed: it has the same phones as slt and is much faster."""
_HEADER = 44


@dataclass(frozen=True, slots=True)
class Spoken:
    """A spoken text.

    Args:
        wav: A 16-bit WAV file at 16 kHz.
        phones: In flite's set.
        ends_s: End of each phone in seconds.
    """

    wav: bytes
    phones: tuple[str, ...]
    ends_s: tuple[float, ...]


def flite_program() -> str:
    """Path of the program; DataError if it is not installed."""
    program = shutil.which("flite")
    if program is None:
        raise DataError(
            "flite is not installed; install Debian's package flite (apt-get install flite) to build this dataset."
        )
    return program


def check_voice(voice: str) -> None:
    """ConfigError for a voice that flite's Debian package does not have."""
    if voice not in VOICES:
        raise ConfigError(f"flite has no 16 kHz voice {voice!r}; choose one of {', '.join(VOICES)}.", path="voice")


def _run(arguments: list[str]) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        text, message = arguments[arguments.index("-t") + 1], done.stderr.strip()
        raise DataError(f"flite failed ({done.returncode}) on {text[:60]!r}: {message[:200]}.")
    return done.stdout


@contextmanager
def _scratch() -> Iterator[Path]:
    memory = Path("/dev/shm")  # a file system in memory where Linux has one
    with tempfile.TemporaryDirectory(prefix="mmzoo-flite-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def speak(text: str, voice: str = "slt", rate: float = 1.0, pitch: float = 1.0) -> Spoken:
    """Speak one text. The last phone ends with the audio; flite may print a time some milliseconds later.

    Args:
        text: What to say.
        voice: One of VOICES.
        rate: Speed relative to the voice's normal speed.
        pitch: Pitch relative to the voice's normal pitch.

    Raises:
        DataError: The text has nothing to say, or flite is missing or failed.
    """
    program = flite_program()
    stretch = [] if rate == 1.0 else ["--setf", f"duration_stretch={1 / rate:.4f}"]
    shift = [] if pitch == 1.0 else ["--setf", f"f0_shift={pitch:.4f}"]
    with _scratch() as folder:
        wav = folder / "spoken.wav"
        printed = _run([program, "-voice", voice, *stretch, *shift, "-psdur", "-t", text, "-o", str(wav)])
        content = wav.read_bytes()
    duration = (len(content) - _HEADER) / 2 / SAMPLE_RATE
    pairs = [pair.rsplit(":", 1) for pair in printed.split()]
    phones = tuple(phone for phone, _ in pairs)
    ends = [float(end) for _, end in pairs]
    if set(phones) <= {"pau"} or duration <= 0:
        raise DataError(f"flite said nothing for {text[:60]!r}.")
    ends[-1] = duration
    return Spoken(content, phones, tuple(ends))


def speak_all(texts: Sequence[str], voice: str = "slt", threads: int = 2) -> list[Spoken]:
    """Speak texts in order, `threads` at a time."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda text: speak(text, voice), texts))


def phones_of(text: str) -> list[list[str]]:
    """The phones of a text, split at flite's pauses."""
    phrases: list[list[str]] = [[]]
    for phone in _run([flite_program(), "-voice", PHONE_VOICE, "-ps", "-t", text, "-o", "none"]).split():
        if phone == "pau":
            phrases.append([])
        else:
            phrases[-1].append(phone)
    return [phrase for phrase in phrases if phrase]
