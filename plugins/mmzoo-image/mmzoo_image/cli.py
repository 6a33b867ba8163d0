"""`mmzoo edit` inpaints, upscales or denoises a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
import typer

import mmzoo
from mmzoo.command_line import Device, Output, Seed, input_file, seed_option
from mmzoo.data import as_image, as_mask
from mmzoo.errors import InputError
from mmzoo.interfaces import Image
from mmzoo_image.inputs import unknown_note

OUTPUT = "The PNG, JPEG or WebP to write; `-` is standard output, as PNG."


@runtime_checkable
class Edits(Protocol):
    """A model that edits pictures."""

    def unknown_words(self, prompt: str) -> tuple[str, ...]: ...

    def inpaint(self, pictures: list[Any], masks: list[Any], **options: Any) -> list[Image]: ...

    def upscale(self, pictures: list[Any], **options: Any) -> list[Image]: ...

    def denoise(self, pictures: list[Any], **options: Any) -> list[Image]: ...


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
    result.report(f"{done}, {size}, in {seconds:.2f} s", [*unknown_note(artist.unknown_words(prompt)), *drawn.notes])
