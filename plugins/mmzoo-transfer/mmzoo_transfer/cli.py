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
    """A model that speaks about what it sees."""

    def describe(self, image: Any) -> Any: ...

    def transfer(self, image: Any, *, seed: int = 0, **options: Any) -> Any: ...


def transfer(
    model: Annotated[str, typer.Argument(help="A model from speech to image or back.")],
    source: Annotated[Path, typer.Argument(help="A picture, or a WAV or FLAC file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The WAV or the PNG to write.")],
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Classifier-free guidance scale for drawing; 1 is none.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the initial noise.")] = 0,
) -> None:
    """Speak what a picture shows, or draw what speech says; prints one line with the words in between."""
    suffix = output.suffix.lower()
    if suffix not in (".png", ".wav", ".flac"):
        raise InputError(
            f"Cannot write {output}: the name must end in .png for a picture, or in .wav or .flac for speech."
        )
    (Image if suffix == ".png" else Audio).check_output(output)
    bridge = mmzoo.create(model)
    draws, speaks = isinstance(bridge, Hears), isinstance(bridge, Describes)
    if not draws and not speaks:
        raise InputError(
            f"{model} does not transfer between speech and pictures; `mmzoo list` shows the models that do."
        )
    if draws != (suffix == ".png"):
        wanted = "a picture, a .png" if draws else "speech, a .wav or .flac"
        raise InputError(f"{model} makes {wanted}, not {suffix}; rename {output}.")
    if speaks and guidance is not None:
        raise InputError(f"{model} speaks and takes no --guidance; omit it.")
    start = time.perf_counter()
    if draws:
        drawn = bridge.transfer(source, steps=steps, guidance=guidance, seed=seed)
        drawn.save(output)
        summary = f"heard {bridge.hear(source)!r}, drew {drawn.pixels.shape[1]} x {drawn.pixels.shape[0]} pixels"
    else:
        said = bridge.transfer(source, steps=steps, seed=seed)
        said.save(output)
        summary = f"said {said.notes[0]!r}, {said.duration:.2f} s"
    print(f"{output}: {summary}, in {time.perf_counter() - start:.2f} s")
