"""`mmzoo generate` draws pictures from a prompt; `mmzoo edit` inpaints, upscales or denoises a picture."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
import typer

import mmzoo
from mmzoo.command_line import Device, Output, Seed, input_file, seed_option
from mmzoo.data import as_image, as_mask, sheet
from mmzoo.errors import InputError
from mmzoo.interfaces import Image

MAX_PICTURES = 256
OUTPUT = "The PNG, JPEG or WebP to write; `-` is standard output, as PNG."


@runtime_checkable
class Draws(Protocol):
    """A model that draws from prompts."""

    def generate(self, prompts: list[str], **options: Any) -> list[Image]: ...

    def unknown_words(self, prompt: str) -> tuple[str, ...]: ...


@runtime_checkable
class Edits(Draws, Protocol):
    """A model that also edits pictures."""

    def inpaint(self, pictures: list[Any], masks: list[Any], **options: Any) -> list[Image]: ...

    def upscale(self, pictures: list[Any], **options: Any) -> list[Image]: ...

    def denoise(self, pictures: list[Any], **options: Any) -> list[Image]: ...


def generate(
    model: Annotated[str, typer.Argument(help="A model that draws.")],
    prompt: Annotated[str | None, typer.Option("-p", "--prompt", help="What to draw.")] = None,
    name: Annotated[str | None, typer.Option("--class", help="The class to draw, for class-to-image models.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help=OUTPUT)] = Path("grid.png"),
    num: Annotated[int, typer.Option(help="Number of pictures, laid out as a grid.")] = 1,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to follow the words; 1 is none.")] = None,
    seed: Seed = "0",
    device: Device = "cpu",
) -> None:
    """Draw pictures from a prompt; prints a one-line summary. Picture i uses the seed + i."""
    if (prompt is None) == (name is None):
        raise InputError("Give either --prompt or --class.")
    if not 1 <= num <= MAX_PICTURES:
        raise InputError(f"--num must be from 1 to {MAX_PICTURES}, not {num}.")
    result = Output(output, Image)  # checked before the slow part
    first = seed_option(seed)
    artist = mmzoo.create(model, device=device)
    if not isinstance(artist, Draws):
        raise InputError(f"{model} does not draw; `mmzoo list --task text-to-image` shows the models that do.")
    text = str(name if prompt is None else prompt)
    start = time.perf_counter()
    drawn = artist.generate([text] * num, steps=steps, guidance=guidance, seed=first)
    seconds = time.perf_counter() - start
    columns = math.ceil(math.sqrt(num))
    page = sheet(*(drawn[i : i + columns] for i in range(0, num, columns)))
    result.save(page)
    size = f"{page.pixels.shape[1]} x {page.pixels.shape[0]} pixels"
    result.report(f"{num} of {text!r}, {size}, in {seconds:.2f} s", [*_unknown(artist, text), *drawn[0].notes])


def edit(
    model: Annotated[str, typer.Argument(help="A model that edits.")],
    source: Annotated[Path, typer.Option("-i", "--input", help="The picture to edit; `-` is standard input.")],
    mask: Annotated[
        Path | None, typer.Option(help="A picture of the same size, white where to redraw; gray blends.")
    ] = None,
    upscale: Annotated[bool, typer.Option("--upscale", help="Enlarge it four times in width and height.")] = False,
    denoise: Annotated[bool, typer.Option("--denoise", help="Remove its noise.")] = False,
    prompt: Annotated[str, typer.Option("-p", "--prompt", help="What the complete picture shows, if known.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help=OUTPUT)] = Path("edited.png"),
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to follow the words; 1 is none.")] = None,
    seed: Seed = "0",
    device: Device = "cpu",
) -> None:
    """Redraw the white part of a mask, upscale a picture, or remove its noise; prints a one-line summary."""
    if (mask is not None) + upscale + denoise != 1:
        raise InputError("Give one of --mask, --upscale and --denoise.")
    result = Output(output, Image)
    first = seed_option(seed)
    picture = as_image(input_file(source))
    hole = None if mask is None else as_mask(input_file(mask))
    if hole is not None and hole.shape != picture.pixels.shape[:2]:
        raise InputError(
            f"{mask} has {hole.shape[1]} x {hole.shape[0]} pixels and {source} has {picture.pixels.shape[1]} x"
            f" {picture.pixels.shape[0]}; make them the same size."
        )
    if hole is not None and hole.max() < 0.5:
        raise InputError(f"{mask} has no white pixel, so there is nothing to redraw; paint the part to redraw white.")
    artist = mmzoo.create(model, device=device)
    if not isinstance(artist, Edits):
        raise InputError(f"{model} does not edit; `mmzoo list --task text-to-image` shows the models that do.")
    options: dict[str, Any] = {"prompts": [prompt], "steps": steps, "guidance": guidance, "seed": first}
    start = time.perf_counter()
    if hole is not None:
        (drawn,), done = artist.inpaint([picture], [hole], **options), f"redrew {np.mean(hole):.0%} of it"
    elif upscale:
        (drawn,), done = artist.upscale([picture], **options), "upscaled"
    else:
        (drawn,), done = artist.denoise([picture], **options), "removed noise"
    seconds = time.perf_counter() - start
    result.save(drawn)
    size = f"{drawn.pixels.shape[1]} x {drawn.pixels.shape[0]} pixels"
    result.report(f"{done}, {size}, in {seconds:.2f} s", [*_unknown(artist, prompt), *drawn.notes])


def _unknown(artist: Draws, text: str) -> list[str]:
    """A note about the words that were ignored."""
    unknown = artist.unknown_words(text)
    return [f"ignored words that the model does not know: {', '.join(unknown)}"] if unknown else []
