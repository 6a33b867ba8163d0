"""`mmzoo demo`: speaks a sentence with the bundled model and transcribes it with an independent recognizer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mmzoo
from mmzoo.command_line import Device, Output, Seed, input_file, seed_option
from mmzoo.errors import InputError, MmzooError
from mmzoo.evaluation.judges import ready_judge
from mmzoo.interfaces import Audio
from mmzoo_tts.cli import Voice
from mmzoo_tts.voices import written_voice

JUDGES = ("whisper", "pocketsphinx")
"""The first that can be used transcribes."""
TEXT = "Doctor Smith paid $3.50 at 10:45. The quick brown fox jumps over the lazy dog."


@runtime_checkable
class HasVoices(Protocol):
    """A model that speaks in one of its voices."""

    voices: Sequence[str]

    def __call__(self, text: str, **options: Any) -> Audio: ...


def demo(
    text: Annotated[str, typer.Argument(help="What to say.")] = TEXT,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The WAV, FLAC, OGG or MP3 to write; `-` is standard output, as WAV.")
    ] = Path("demo.wav"),
    model: Annotated[str, typer.Option(help="A text-to-speech model.")] = "vqvae-dit-tts",
    voice: Voice = None,
    seed: Seed = "0",
    device: Device = "cpu",
    pronunciations: Annotated[
        Path | None, typer.Option(help="Your own pronunciations; see `mmzoo say --help`.")
    ] = None,
) -> None:
    """Speak a text with the bundled model, write a WAV file, and have a speech recognizer transcribe it.

    Prints one line: the text, the voice, the speed, and what a recognizer heard that is independent of the model:
    Whisper where it is installed, otherwise pocketsphinx. Works offline. Without either the file is still written, and
    the line says how to install one.
    """
    result = Output(output, Audio)
    first = seed_option(seed)
    tts: Any = mmzoo.create(model, device=device)
    if not isinstance(tts, HasVoices):
        raise InputError(f"{model} does not speak; `mmzoo list --task text-to-speech` shows the models that do.")
    options: dict[str, Any] = {} if pronunciations is None else {"pronunciations": input_file(pronunciations)}
    start = time.perf_counter()
    audio: Audio = tts(text, voice=written_voice(voice, tts.voices), seed=first, **options)
    seconds = time.perf_counter() - start
    result.save(audio)
    result.report(
        f"said {' '.join(text.split())!r} in the voice {voice or tts.voices[0]};"
        f" {audio.duration:.1f} s of speech in {seconds:.2f} s, {audio.duration / seconds:.0f} times real time;"
        f" {heard(audio)}",
        audio.notes,
    )


def heard(audio: Audio) -> str:
    """A judge's transcript, as the end of a sentence."""
    missing = ""
    for name in JUDGES:
        try:
            judge = ready_judge(name)
        except MmzooError as error:
            missing = str(error)
            continue
        [verdict] = judge.listen([audio])
        return f"{name} heard {verdict.words!r}" if verdict.words else f"{name} heard nothing"
    return f"no transcript: {missing}"
