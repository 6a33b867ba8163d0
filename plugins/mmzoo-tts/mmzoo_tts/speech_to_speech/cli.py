"""`mmzoo revoice` gives speech another voice; `mmzoo denoise-speech` removes its noise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer
from tqdm import tqdm

import mmzoo
from mmzoo.command_line import Device, Output, Seed, input_file, seed_option
from mmzoo.data import as_audio
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio
from mmzoo_tts.cli import Voice
from mmzoo_tts.joining import join
from mmzoo_tts.voices import written_voice


@runtime_checkable
class Converts(Protocol):
    """A model from speech to speech, into one of its voices if it has any."""

    voices: list[str]
    sample_rate: int

    def convert(self, speech: Any, **options: Any) -> Any: ...

    def stream(self, speech: Any, **options: Any) -> Iterator[Audio]: ...


Source = Annotated[
    Path, typer.Argument(help="A WAV, FLAC, OGG, MP3 or AIFF of at most 10 minutes; `-` is standard input.")
]
Result = Annotated[
    Path, typer.Option("-o", "--output", help="The WAV, FLAC, OGG or MP3 to write; `-` is standard output, as WAV.")
]
Steps = Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")]


def revoice(
    source: Source,
    output: Result,
    voice: Voice = None,
    model: Annotated[str, typer.Option(help="A voice conversion model.")] = "vqvae-dit-revoice",
    steps: Steps = None,
    seed: Seed = "0",
    device: Device = "cpu",
) -> None:
    """Say the same in another voice; prints one line about the result.

    For example: mmzoo revoice talk.wav --voice joe -o joe.wav

    The voices are the zoo's own synthesizers; it cannot imitate a person. The result is as long as the source, and as
    loud.
    """
    first, result = seed_option(seed), Output(output, Audio)
    able = _loaded(model, device)
    if not able.voices:
        raise InputError(f"{model} has no voices; `mmzoo list --task voice-conversion` shows the models that do.")
    options = {"voice": written_voice(voice, able.voices), "steps": steps, "seed": first}
    _run(able, source, result, f"voice {voice or able.voices[0]}", **options)


def denoise_speech(
    source: Source,
    output: Result,
    model: Annotated[str, typer.Option(help="A speech enhancement model.")] = "vqvae-dit-denoise",
    steps: Steps = None,
    seed: Seed = "0",
    device: Device = "cpu",
) -> None:
    """Remove noise from speech; prints one line about the result.

    For example: mmzoo denoise-speech noisy.wav -o clean.wav

    The speech is synthesized again: where noise covers it, it may become other speech. The result is as long as the
    source, and as loud.
    """
    first, result = seed_option(seed), Output(output, Audio)
    able = _loaded(model, device)
    if able.voices:
        raise InputError(
            f"{model} gives speech another voice; `mmzoo list --task speech-enhancement` shows the models that keep it."
        )
    _run(able, source, result, "without noise", steps=steps, seed=first)


def _loaded(model: str, device: str) -> Converts:
    able = mmzoo.create(model, device=device)
    if not isinstance(able, Converts):
        raise InputError(
            f"{model} does not take speech to speech; `mmzoo list --task voice-conversion` and `--task"
            " speech-enhancement` show the models that do."
        )
    return able


def _run(model: Converts, source: Path, result: Output, what: str, **options: Any) -> None:
    audio = as_audio(input_file(source), model.sample_rate)
    start = time.perf_counter()
    pieces: list[Audio] = []
    with tqdm(total=round(audio.duration), unit="s", desc="converting", disable=None, leave=False) as bar:
        for piece in model.stream(audio, **options):
            pieces.append(piece)
            bar.update(round(sum(one.duration for one in pieces)) - bar.n)
    made = join(pieces)
    result.save(made)
    seconds = time.perf_counter() - start
    summary = f"{made.duration:.2f} s of speech, {what}, made in {seconds:.2f} s"
    result.report(f"{summary} ({made.duration / seconds:.0f} times real time)", made.notes)
