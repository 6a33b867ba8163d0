"""`mmzoo transfer`: a picture to speech, or speech to a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mmzoo
from mmzoo.command_line import Device, Output, Seed, input_file, seed_option
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image


@runtime_checkable
class Hears(Protocol):
    """A model that draws what it hears."""

    def hear(self, speech: Any) -> Any: ...

    def transfer(self, speech: Any, *, seed: int | None = 0, **options: Any) -> Any: ...


@runtime_checkable
class Describes(Protocol):
    """A model that speaks about what it sees."""

    def describe(self, image: Any) -> Any: ...

    def transfer(self, image: Any, *, seed: int | None = 0, **options: Any) -> Any: ...


def transfer(
    model: Annotated[str, typer.Argument(help="A model from speech to image or back.")],
    source: Annotated[Path, typer.Argument(help="A picture or an audio file; `-` is standard input.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The WAV, FLAC, OGG or MP3, or the PNG, JPEG or WebP to write; `-` is standard output.",
        ),
    ],
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Classifier-free guidance scale for drawing; 1 is none.")
    ] = None,
    seed: Seed = "0",
    device: Device = "cpu",
) -> None:
    """Speak what a picture shows, or draw what speech says; prints one line with the words in between."""
    result = Output(output, Audio, Image)
    first = seed_option(seed)
    bridge = mmzoo.create(model, device=device)
    draws, speaks = isinstance(bridge, Hears), isinstance(bridge, Describes)
    if not draws and not speaks:
        raise InputError(
            f"{model} does not transfer between speech and pictures; `mmzoo list` shows the models that do."
        )
    result.require(Image if draws else Audio, model)
    if speaks and guidance is not None:
        raise InputError(f"{model} speaks and takes no --guidance; omit it.")
    given = input_file(source)
    start = time.perf_counter()
    if draws:
        drawn = bridge.transfer(given, steps=steps, guidance=guidance, seed=first)
        result.save(drawn)
        notes = drawn.notes
        summary = f"heard {bridge.hear(given)!r}, drew {drawn.pixels.shape[1]} x {drawn.pixels.shape[0]} pixels"
    else:
        said = bridge.transfer(given, steps=steps, seed=first)
        result.save(said)
        notes = said.notes[1:]
        summary = f"said {said.notes[0]!r}, {said.duration:.2f} s"
    result.report(f"{summary}, in {time.perf_counter() - start:.2f} s", notes)
