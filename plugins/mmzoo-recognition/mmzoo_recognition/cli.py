"""`mmzoo recognise` classifies an image, a sound or a text; `mmzoo explain` draws why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

import mmzoo
from mmzoo.errors import InputError
from mmzoo.interfaces import Image, Labels, Tokenizer
from mmzoo.safe_text import one_line


@runtime_checkable
class Recognizes(Protocol):
    """A model that recognizes pictures, sounds and texts."""

    def recognise(self, *, image: Any = None, speech: Any = None, text: Any = None) -> Labels: ...


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
    if not isinstance(judge, Recognizes):
        raise InputError(f"{model} does not recognise; `mmzoo list --task recognition` shows the models that do.")
    labels = judge.recognise(image=image, speech=speech, text=text)
    if as_json:
        print(json.dumps(dict(zip(labels.names, labels.probabilities, strict=True))))
        return
    for name, probability in list(zip(labels.names, labels.probabilities, strict=True))[:top]:
        print(f"{one_line(name)}\t{probability:.4f}")


def explain(
    model: Annotated[str, typer.Argument(help="A model that recognises, or one that makes codes.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG to write.")],
    image: Annotated[Path | None, typer.Option(help="A picture.")] = None,
    speech: Annotated[Path | None, typer.Option(help="A WAV or FLAC file.")] = None,
    text: Annotated[str | None, typer.Option(help="A text.")] = None,
    name: Annotated[str | None, typer.Option("--class", help="The class to explain; the best if not given.")] = None,
) -> None:
    """Draw what in a picture, a sound or a text speaks for a class, or how it becomes codes; prints one line."""
    given = {"image": image, "speech": speech, "text": text}
    if all(value is None for value in given.values()):
        raise InputError("Give at least one of --image, --speech and --text.")
    Image.check_output(output)
    asked = mmzoo.create(model)
    if isinstance(asked, Recognizes):
        page, summary = _why(asked, given, name)
    elif isinstance(asked, Tokenizer):
        if name is not None:
            raise InputError(f"{model} makes codes and knows no classes; leave --class out.")
        page, summary = _codes(asked, model, given)
    else:
        raise InputError(
            f"{model} neither recognises nor makes codes, so there is nothing to explain; `mmzoo list` shows the tasks"
            " of models."
        )
    page.save(output)
    print(f"{output}: {one_line(summary)}, {page.pixels.shape[1]} x {page.pixels.shape[0]} pixels")


def _why(judge: Any, given: Mapping[str, Any], name: str | None) -> tuple[Image, str]:
    """The page of a model that recognizes, and its summary."""
    from mmzoo_recognition.explain import explain as explained
    from mmzoo_recognition.page import explanation_page

    explanation = explained(judge, **given, target=name)
    labels = explanation.labels
    summary = f"{labels.best} ({labels.probabilities[0]:.4f}), what speaks for {explanation.target}"
    return explanation_page(explanation), summary


def _codes(tokenizer: Tokenizer, model: str, given: Mapping[str, Any]) -> tuple[Image, str]:
    """The page of a model that makes codes, and its summary."""
    from mmzoo.data import as_audio, as_image
    from mmzoo_recognition.explain import codebook_usage
    from mmzoo_recognition.page import usage_page

    modality = tokenizer.modality
    if [key for key, value in given.items() if value is not None] != [modality]:
        raise InputError(f"{model} makes codes of {modality}; give --{modality} and nothing else.")
    value = given[modality]
    if modality == "image":
        value = as_image(value)
    elif tokenizer.sample_rate is not None:
        value = as_audio(value, tokenizer.sample_rate)
    usage = codebook_usage(tokenizer, value)
    used, size = sum(int((count > 0).sum()) for count in usage), sum(map(len, usage))
    summary = f"{int(usage[0].sum())} positions, {used:,} of {size:,} codes used"
    return usage_page(f"{model}: {summary}", value, tokenizer(value), usage), summary
