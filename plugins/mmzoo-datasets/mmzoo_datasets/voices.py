"""Voices of all synthesisers under one kind of name: `flite:slt`, `espeak:en-us+f3`."""

from __future__ import annotations

from mmzoo.data import encode_audio
from mmzoo.errors import ConfigError
from mmzoo_datasets import espeak, flite


def check_voice(voice: str) -> None:
    """Raises ConfigError for a voice that is neither `flite:NAME` nor `espeak:NAME`, DataError without its program."""
    kind, _, name = voice.partition(":")
    if kind == "flite":
        flite.check_voice(name)
        flite.flite_program()
    elif kind == "espeak" and name:
        espeak.espeak_program()
    else:
        raise ConfigError(f"{voice!r} is no voice; say flite:NAME or espeak:NAME, such as flite:slt.", path="voices")


def speak(text: str, voice: str, rate: float = 1.0) -> tuple[bytes, flite.Spoken | None]:
    """A 16 kHz WAV file of the text spoken `rate` times as fast as usual, and flite's phones where flite spoke."""
    kind, _, name = voice.partition(":")
    if kind == "flite":
        spoken = flite.speak(text, name, rate)
        return spoken.wav, spoken
    return encode_audio(espeak.speak(text, name, rate)), None
