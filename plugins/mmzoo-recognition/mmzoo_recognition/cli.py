"""`mmzoo recognise`: say what a picture, a sound or a text is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import mmzoo
from mmzoo.errors import InputError


def recognise(
    model: Annotated[str, typer.Argument(help="A model that recognises.")],
    image: Annotated[Path | None, typer.Option(help="A picture.")] = None,
    speech: Annotated[Path | None, typer.Option(help="A WAV or FLAC file.")] = None,
    text: Annotated[str | None, typer.Option(help="A text.")] = None,
    top: Annotated[int, typer.Option(help="How many of the most probable classes to print.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of them as JSON.")] = False,
) -> None:
    """Say what a picture, a sound, a text or several of them are; prints class and probability, the best first."""
    if image is None and speech is None and text is None:
        raise InputError("Give at least one of --image, --speech and --text.")
    if top < 1:
        raise InputError(f"--top must be at least 1, not {top}.")
    judge = mmzoo.create(model)
    if not hasattr(judge, "recognise"):
        raise InputError(f"{model} does not recognise; `mmzoo list --task recognition` shows the models that do.")
    labels = judge.recognise(image=image, speech=speech, text=text)
    if as_json:
        print(json.dumps(dict(zip(labels.names, labels.probabilities, strict=True))))
        return
    for name, probability in list(zip(labels.names, labels.probabilities, strict=True))[:top]:
        print(f"{name}\t{probability:.4f}")
