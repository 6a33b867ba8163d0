"""`mmzoo demo`: a sentence spoken by the bundled model, and what an independent recogniser heard of it."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

import mmzoo
from mmzoo.cli.output import say_row
from mmzoo.errors import InputError, MissingDependencyError
from mmzoo.interfaces import Audio

TEXT = "Doctor Smith paid $3.50 at 10:45. The quick brown fox jumps over the lazy dog."


def demo(
    text: Annotated[str, typer.Argument(help="What to say.")] = TEXT,
    output: Annotated[Path, typer.Option("-o", "--output", help="The WAV (or FLAC) file to write.")] = Path("demo.wav"),
    model: Annotated[str, typer.Option(help="A text-to-speech model.")] = "vqvae-dit-tts",
    voice: Annotated[str | None, typer.Option(help="One of the model's voices.")] = None,
    seed: Annotated[int, typer.Option(help="Of the initial noise.")] = 0,
) -> None:
    """Speak a text with a bundled model, write it to a WAV file, and have a recogniser listen to it.

    Prints one line: what was said, in which voice, how fast, and what pocketsphinx, which has no part in the model,
    heard. Needs no network. Without pocketsphinx the file is written all the same, and the line says how to get it.
    """
    Audio.check_output(output)
    tts: Any = mmzoo.create(model)
    if not hasattr(tts, "voices"):
        raise InputError(f"{model} does not speak; `mmzoo list --task text-to-speech` shows the models that do.")
    start = time.perf_counter()
    audio: Audio = tts(text, voice=voice, seed=seed)
    seconds = time.perf_counter() - start
    audio.save(output)
    say_row(
        f"{output}: said {' '.join(text.split())!r} in the voice {voice or tts.voices[0]};"
        f" {audio.duration:.1f} s of speech in {seconds:.2f} s, {audio.duration / seconds:.0f} times real time;"
        f" {heard(audio)}"
    )


def heard(audio: Audio) -> str:
    """What the recogniser makes of a sound, as the end of a sentence."""
    try:
        words = transcribe(audio)
    except MissingDependencyError:
        return "nobody listened, because pocketsphinx is not installed (pip install pocketsphinx)"
    return f"pocketsphinx heard {words!r}" if words else "pocketsphinx heard nothing"


def transcribe(audio: Audio) -> str:
    """The words that pocketsphinx recognises. Raises MissingDependencyError without it."""
    if find_spec("pocketsphinx") is None:
        raise MissingDependencyError("The recogniser pocketsphinx is not installed; run: pip install pocketsphinx")
    from mmzoo.evaluation.recogniser import listen

    [verdict] = listen([audio])
    return verdict.words
