"""`mmzoo say`: speaks a text, a file or standard input into a WAV file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer
from tqdm import tqdm

import mmzoo
from mmzoo.command_line import STANDARD, Device, Engine, Output, Seed, TextOutput, input_file, seed_option
from mmzoo.data import read_text
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio
from mmzoo_tts.voices import written_voice

LONGEST_INPUT = 1_000_000  # bytes
Voice = Annotated[
    str | None,
    typer.Option(
        "--voice", help="One of the model's voices, by default its first, or a mixture, as in heart:0.6,joe:0.4."
    ),
]


@runtime_checkable
class Speaks(Protocol):
    """A model that speaks a text chunk by chunk in one of its voices."""

    voices: list[str]

    def stream(self, text: str, **options: Any) -> Iterator[Audio]: ...


def say(
    text: Annotated[str | None, typer.Argument(help="The text; '-' or nothing reads standard input.")] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The WAV, FLAC, OGG or MP3 to write; `-` is standard output, as WAV.")
    ] = Path("speech.wav"),
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Read the text from this UTF-8 file; `-` is standard input.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A text-to-speech model, or the folder of an exported one.")
    ] = "vqvae-dit-tts",
    voice: Voice = None,
    speed: Annotated[float, typer.Option(help="1.0 is the voice's normal rate, 2.0 twice as fast.")] = 1.0,
    seed: Seed = "0",
    device: Device = "cpu",
    engine: Engine = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    pronunciations: Annotated[
        Path | None, typer.Option(help="Your own pronunciations: lines like `tomato  t ax m aa t ow`, or JSON.")
    ] = None,
    vtt: Annotated[Path | None, typer.Option(help="Write the time of each word as WebVTT; '-' prints it.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the time of each word as JSON; '-' prints it.")] = None,
) -> None:
    """Speak a text into a WAV file; prints one line about the result.

    The text may have pauses, [pause 300ms], and pronunciations, [tomato](t ax m aa t ow); if it begins with <speak>, it
    is SSML. docs/speech-markup.md lists what is read.
    """
    from mmzoo_tts.captions import webvtt, word_times
    from mmzoo_tts.joining import join

    content = _read(text, file)
    result = Output(output, Audio)  # checked before anything slow happens
    wanted = {"--vtt": (vtt, webvtt), "--json": (json, word_times)}
    read = {"--file": file, "--pronunciations": pronunciations}
    _check_apart(
        {
            "--output": output,
            **{option: path for option, path in read.items() if str(path) != STANDARD},  # that is standard input
            **{option: path for option, (path, _) in wanted.items()},
        }
    )
    times = [(TextOutput(path, option), made) for option, (path, made) in wanted.items() if path is not None]
    first = seed_option(seed)
    tts = mmzoo.create(model, device=device, engine=engine)
    if not isinstance(tts, Speaks):
        raise InputError(f"{model} does not speak; `mmzoo list --task text-to-speech` shows the models that do.")
    start = time.perf_counter()
    chunks: list[Audio] = []
    with tqdm(total=len(content), unit="char", desc="speaking", disable=None, leave=False) as bar:
        options: dict[str, Any] = {
            "voice": written_voice(voice, tts.voices),
            "speed": speed,
            "steps": steps,
            "seed": first,
        }
        if pronunciations is not None:
            options["pronunciations"] = input_file(pronunciations)
        for chunk in tts.stream(content, **options):
            chunks.append(chunk)
            bar.update(sum(len(word.text) + 1 for word in chunk.words))
    audio = join(chunks)
    result.save(audio)
    seconds = time.perf_counter() - start
    for target, made in times:
        target.write(made(audio))
    result.report(
        f"{audio.duration:.2f} s of speech, voice {voice or tts.voices[0]},"
        f" made in {seconds:.2f} s ({audio.duration / seconds:.0f} times real time)",
        audio.notes,
        aside=any(target.standard for target, _ in times),  # what is asked for with '-' has standard output to itself
    )


def _check_apart(paths: Mapping[str, Path | None]) -> None:
    """Raise InputError if two options name the same file."""
    taken: dict[Path, str] = {}
    for option, path in paths.items():
        if path is not None and (earlier := taken.setdefault(path.resolve(), option)) != option:
            raise InputError(f"{earlier} and {option} are both {path}; give each a file of its own.")


def _read(text: str | None, file: Path | None) -> str:
    if text not in (None, "-") and file is not None:
        raise InputError("Give either a text or --file, not both.")
    given = input_file(Path(STANDARD) if file is None else file) if text in (None, "-") else None
    return str(text) if given is None else read_text(given, "text", LONGEST_INPUT)[0]
