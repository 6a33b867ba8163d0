"""`mmzoo generate`: draw pictures from words or a class into one PNG."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

import mmzoo
from mmzoo.data import sheet
from mmzoo.errors import InputError
from mmzoo.interfaces import Image

MOST = 256


def generate(
    model: Annotated[str, typer.Argument(help="A model that draws.")],
    prompt: Annotated[str | None, typer.Option("-p", "--prompt", help="What to draw, in words.")] = None,
    name: Annotated[str | None, typer.Option("--class", help="The class to draw, for models of classes.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG to write.")] = Path("grid.png"),
    num: Annotated[int, typer.Option(help="How many pictures; several are laid out as a grid.")] = 1,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strictly to follow the words; 1 is none.")] = None,
    seed: Annotated[int, typer.Option(help="Of the first picture; the next has the next seed.")] = 0,
) -> None:
    """Draw pictures from words; prints one line about what was drawn."""
    if (prompt is None) == (name is None):
        raise InputError("Give either --prompt or --class.")
    if not 1 <= num <= MOST:
        raise InputError(f"--num must be 1 to {MOST}, not {num}.")
    # Where the picture will go is checked before anything slow happens.
    Image.check_output(output)
    artist = mmzoo.create(model)
    if not hasattr(artist, "generate"):
        raise InputError(f"{model} does not draw; `mmzoo list --task text-to-image` shows the models that do.")
    words = str(name if prompt is None else prompt)
    start = time.perf_counter()
    drawn = artist.generate([words] * num, steps=steps, guidance=guidance, seed=seed)
    seconds = time.perf_counter() - start
    columns = math.ceil(math.sqrt(num))
    page = sheet(*(drawn[i : i + columns] for i in range(0, num, columns)))
    page.save(output)
    if unknown := artist.unknown_words(words):
        print(f"note: passed over, because the model never met them: {', '.join(unknown)}", file=sys.stderr)
    print(f"{output}: {num} of {words!r}, {page.pixels.shape[1]} x {page.pixels.shape[0]} pixels, in {seconds:.2f} s")
