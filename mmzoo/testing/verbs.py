"""Calls the verbs of a head: its public methods whose parameters are samples that the kit has."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import decode_audio, decode_image
from mmzoo.interfaces import Audio, Image, Latents, Port, TaskHead, Tokenizer
from mmzoo.testing.common import require
from mmzoo.testing.encoders import raw_batch
from mmzoo.testing.rows import sample_rows

OTHER_NAMES = {
    "image": ("picture", "given"),
    "audio": ("speech", "given"),
    "text": ("prompt", "given"),
    "images": ("pictures",),
    "texts": ("prompts",),
}
"""Names of parameters that take the same sample."""


def samples(head: TaskHead, row: Mapping[str, Any] | None) -> Mapping[str, Sequence[Any]]:
    """By name of a parameter, the values to try, from a row of data and from the head itself."""
    row = sample_rows(1)[0] if row is None else row
    image, audio, text = decode_image(row["image"]), decode_audio(row["audio"]), row["text"]
    side = image.pixels.shape[:2]
    values = {"image": image, "audio": audio, "text": text, "images": [image], "texts": [text], "phones": row["phones"]}
    for name, others in OTHER_NAMES.items():
        values |= dict.fromkeys(others, values[name])
    values["given"] = {"image": image, "speech": audio}.get(getattr(head, "modality", ""), text)
    known = {name: [value] for name, value in values.items()}
    known["masks"] = [[np.arange(side[0] * side[1]).reshape(side) % 7 == 0]]
    modalities = [getattr(head, "modality", None)] if isinstance(head, Tokenizer) else ["speech", "image", "text"]
    known["raw"] = [raw_batch(str(name), Port())[0] for name in modalities]
    if isinstance(head, Tokenizer):
        known["codes"] = [head.tokenize(values["given"])]
        known["latents"] = [head.encode_latents(known["raw"][0])]
    return known


def verbs(head: TaskHead, known: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each public method of the head that takes only known samples, and the arguments to call it with."""
    for name in sorted(name for name in dir(type(head)) if name == "__call__" or not name.startswith("_")):
        method = inspect.getattr_static(type(head), name)
        if not inspect.isfunction(method) or getattr(torch.nn.Module, name, None) is method:
            continue
        parameters = list(inspect.signature(method).parameters.values())[1:]
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        required = [p.name for p in named if p.default is p.empty]
        optional = [p.name for p in named if p.default is None and p.name in known]
        if not set(required) <= set(known) or not (required or optional):
            continue
        few = {"steps": 2} if any(p.name == "steps" for p in named) else {}
        for chosen in [required] if required else [optional, *([one] for one in optional)]:
            for index in range(max(len(known[one]) for one in chosen)):
                yield name, {one: known[one][index % len(known[one])] for one in chosen} | few


def called(head: TaskHead, name: str, arguments: Mapping[str, Any]) -> Any:
    """The result of a verb; of a generator, all it yields."""
    result = getattr(head, name)(**arguments)
    return list(result) if isinstance(result, Iterator) else result


def require_ordinary(what: str, result: Any) -> None:
    """Raise ConformanceError unless a result holds finite values, tensors that can be trained on, and plain arrays."""
    for value in _values(result):
        if isinstance(value, Tensor):
            require(not value.is_inference(), f"{what} returns an inference tensor; use torch.no_grad instead.")
            require(
                not value.is_floating_point() or bool(value.isfinite().all()),
                f"{what} returns values that are not finite.",
            )
        elif isinstance(value, Audio):
            kind = value.samples.dtype
            require(kind == np.float32, f"{what} returns audio of {kind}; float32 was expected.")
            require(bool(np.isfinite(value.samples).all()), f"{what} returns audio that is not finite.")
        elif isinstance(value, Image):
            require(value.pixels.dtype == np.uint8, f"{what} returns pixels of {value.pixels.dtype}, not uint8.")


def _values(result: Any) -> Iterator[Any]:
    """The values in a result, which may be nested."""
    if isinstance(result, Audio | Image | Tensor | str):
        yield result
    elif isinstance(result, Latents):
        yield result.x
    elif dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            yield from _values(getattr(result, field.name))
    elif isinstance(result, Mapping):
        yield from _values(list(result.values()))
    elif isinstance(result, Iterable):
        for one in result:
            yield from _values(one)
