"""`mmzoo recognize` classifies an image, speech or a text, `explain` draws why, `segment` classifies each pixel."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mmzoo
from mmzoo.command_line import STANDARD, Device, Output, input_file
from mmzoo.errors import InputError
from mmzoo.interfaces import Image, Labels, Tokenizer
from mmzoo.safe_text import one_line

OUTPUT = "The PNG, JPEG or WebP to write; `-` is standard output, as PNG."


@runtime_checkable
class Recognizes(Protocol):
    """A model that classifies images, speech and texts."""

    def recognize(self, *, image: Any = None, speech: Any = None, text: Any = None) -> Labels: ...


@runtime_checkable
class Segments(Protocol):
    """A model that finds the class of each pixel."""

    def segment(self, image: Any) -> Any: ...


def recognize(
    model: Annotated[str, typer.Argument(help="A recognition model.")],
    image: Annotated[Path | None, typer.Option(help="A picture; `-` is standard input.")] = None,
    speech: Annotated[Path | None, typer.Option(help="An audio file; `-` is standard input.")] = None,
    text: Annotated[str | None, typer.Option(help="A text.")] = None,
    top: Annotated[int, typer.Option(help="How many classes to print, the most probable first.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print all classes as JSON.")] = False,
    device: Device = "cpu",
) -> None:
    """Classify a picture, speech, a text or several of them together; prints the most probable classes."""
    if image is None and speech is None and text is None:
        raise InputError("Give at least one of --image, --speech and --text.")
    if top < 1:
        raise InputError(f"--top must be at least 1, not {top}.")
    recognizer = mmzoo.create(model, device=device)
    if not isinstance(recognizer, Recognizes):
        raise InputError(f"{model} does not recognize; `mmzoo list --task recognition` shows the models that do.")
    labels = recognizer.recognize(**_inputs(image, speech), text=text)
    if as_json:
        print(json.dumps(dict(zip(labels.names, labels.probabilities, strict=True))))
        return
    for name, probability in list(zip(labels.names, labels.probabilities, strict=True))[:top]:
        print(f"{one_line(name)}\t{probability:.4f}")


def explain(
    model: Annotated[str, typer.Argument(help="A recognition model or a tokenizer.")],
    output: Annotated[Path, typer.Option("-o", "--output", help=OUTPUT)],
    image: Annotated[Path | None, typer.Option(help="A picture; `-` is standard input.")] = None,
    speech: Annotated[Path | None, typer.Option(help="An audio file; `-` is standard input.")] = None,
    text: Annotated[str | None, typer.Option(help="A text.")] = None,
    name: Annotated[
        str | None, typer.Option("--class", help="The class to explain; by default the most probable.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Draw which parts of a picture, speech or a text support a class, or how a tokenizer encodes it."""
    if image is None and speech is None and text is None:
        raise InputError("Give at least one of --image, --speech and --text.")
    result = Output(output, Image)
    given = {**_inputs(image, speech), "text": text}
    explained = mmzoo.create(model, device=device)
    if isinstance(explained, Recognizes):
        page, summary = _why(explained, given, name)
    elif isinstance(explained, Tokenizer):
        if name is not None:
            raise InputError(f"{model} is a tokenizer and has no classes; omit --class.")
        page, summary = _codes(explained, model, given)
    else:
        raise InputError(
            f"{model} is neither a recognition model nor a tokenizer, so it cannot be explained; `mmzoo list` shows the"
            " task of each model."
        )
    result.save(page)
    result.report(f"{summary}, {page.pixels.shape[1]} x {page.pixels.shape[0]} pixels")


def segment(
    model: Annotated[str, typer.Argument(help="A segmentation model.")],
    image: Annotated[Path, typer.Option(help="A picture of any size; `-` is standard input.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The mask to write, a gray PNG whose values are classes; `-` is standard output."
        ),
    ] = None,
    overlay: Annotated[Path | None, typer.Option(help="Also write the picture with the classes in colors.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the classes and their areas as JSON.")] = False,
    device: Device = "cpu",
) -> None:
    """Find the class of each pixel of a picture; prints which part of the picture each class covers.

    Examples:

        mmzoo segment unet-segmentation --image scene.png -o mask.png --overlay overlay.png
    """
    from mmzoo.data import as_image

    if output is not None and str(output) != STANDARD and output.suffix.lower() not in (".png", ".webp"):
        raise InputError(f"{output}: a mask needs a format without loss; end its name with .png or .webp.")
    mask, colored = (None if path is None else Output(path, Image) for path in (output, overlay))
    segmenter = mmzoo.create(model, device=device)
    if not isinstance(segmenter, Segments):
        raise InputError(f"{model} does not segment; `mmzoo list --task segmentation` shows the models that do.")
    picture = as_image(input_file(image))
    found = segmenter.segment(picture)
    if mask is not None:
        mask.save(found.mask)
    if colored is not None:
        colored.save(found.overlay(picture))
    if as_json:
        report = json.dumps({"classes": list(found.names), "areas": found.areas})
    else:
        report = "\n".join(f"{one_line(name)}\t{area:.4f}" for name, area in found.areas.items())
    taken = any(one is not None and one.standard for one in (mask, colored))
    print(report, file=sys.stderr if taken else sys.stdout)


def _inputs(image: Path | None, speech: Path | None) -> dict[str, Any]:
    """The files as inputs of a model."""
    files = {"image": image, "speech": speech}
    return {name: None if path is None else input_file(path) for name, path in files.items()}


def _why(recognizer: Any, given: Mapping[str, Any], name: str | None) -> tuple[Image, str]:
    """The page of a recognition model, and its summary."""
    from mmzoo_recognition.explain import explain as attribute
    from mmzoo_recognition.page import explanation_page

    explanation = attribute(recognizer, **given, target=name)
    labels = explanation.labels
    summary = f"{labels.best} ({labels.probabilities[0]:.4f}), evidence for {explanation.target}"
    return explanation_page(explanation), summary


def _codes(tokenizer: Tokenizer, model: str, given: Mapping[str, Any]) -> tuple[Image, str]:
    """The page of a tokenizer, and its summary."""
    from mmzoo.data import as_audio, as_image
    from mmzoo_recognition.explain import codebook_usage
    from mmzoo_recognition.page import usage_page

    modality = tokenizer.modality
    if [key for key, value in given.items() if value is not None] != [modality]:
        raise InputError(f"{model} is a tokenizer of {modality}; give --{modality} and nothing else.")
    value = given[modality]
    if modality == "image":
        value = as_image(value)
    elif tokenizer.sample_rate is not None:
        value = as_audio(value, tokenizer.sample_rate, allow_silence=True)
    usage = codebook_usage(tokenizer, value)
    used, size = sum(int((count > 0).sum()) for count in usage), sum(map(len, usage))
    summary = f"{int(usage[0].sum())} positions, {used:,} of {size:,} codes used"
    return usage_page(f"{model}: {summary}", value, tokenizer(value), usage), summary
