"""`mmzoo transfer`: a picture to speech, or speech to a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mmzoo
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image


@runtime_checkable
class Hears(Protocol):
    """A model that draws what it hears."""

    def hear(self, speech: Any) -> Any: ...

    def transfer(self, speech: Any, *, seed: int = 0, **options: Any) -> Any: ...


@runtime_checkable
class Describes(Protocol):
    """A model that says what it sees."""

    def describe(self, image: Any) -> Any: ...

    def transfer(self, image: Any, *, seed: int = 0, **options: Any) -> Any: ...


def transfer(
    model: Annotated[str, typer.Argument(help="A model that transfers.")],
    source: Annotated[Path, typer.Argument(help="A picture, or a WAV or FLAC file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The WAV or the PNG to write.")],
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to draw what was heard; 1 is none.")] = None,
    seed: Annotated[int, typer.Option(help="Of the initial noise.")] = 0,
) -> None:
    """Say what a picture shows, or draw what a sound says; prints one line about what was understood."""
    suffix = output.suffix.lower()
    if suffix not in (".png", ".wav", ".flac"):
        raise InputError(f"Cannot write {output}: the name must end in .png, or in .wav or .flac for speech.")
    (Image if suffix == ".png" else Audio).check_output(output)
    bridge = mmzoo.create(model)
    draws, speaks = isinstance(bridge, Hears), isinstance(bridge, Describes)
    if not draws and not speaks:
        raise InputError(f"{model} does not transfer; `mmzoo list` shows models from image to speech and back.")
    if draws != (suffix == ".png"):
        wanted = "a picture, a .png" if draws else "speech, a .wav or .flac"
        raise InputError(f"{model} gives {wanted}, not {suffix}; choose another name than {output}.")
    if speaks and guidance is not None:
        raise InputError(f"{model} speaks, and speaking takes no --guidance; leave it out.")
    start = time.perf_counter()
    if draws:
        drawn = bridge.transfer(source, steps=steps, guidance=guidance, seed=seed)
        drawn.save(output)
        told = f"heard {bridge.hear(source)!r}, drew {drawn.pixels.shape[1]} x {drawn.pixels.shape[0]} pixels"
    else:
        said = bridge.transfer(source, steps=steps, seed=seed)
        said.save(output)
        told = f"said {said.notes[0]!r}, {said.duration:.2f} s"
    print(f"{output}: {told}, in {time.perf_counter() - start:.2f} s")
