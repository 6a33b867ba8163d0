"""What the models are tried with: each verb that takes a sound, a picture or a text, and one input that it knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import mmzoo
from mmzoo.interfaces import Audio, Image

Verb = Callable[[Any], Any]

MODELS = (
    "phonemizer-en",
    "vqvae-dit-digits",
    "vqvae-dit-image2speech",
    "vqvae-dit-recognition",
    "vqvae-dit-speech2image",
    "vqvae-dit-text2image",
    "vqvae-dit-tts",
    "vqvae-image",
    "vqvae-speech",
    "vqvae-words",
)


@cache
def model(name: str) -> Any:
    return mmzoo.create(name)


SOUND_VERBS: dict[str, Verb] = {
    "vqvae-speech.tokenize": lambda x: model("vqvae-speech").tokenize(x),
    "vqvae-speech": lambda x: model("vqvae-speech")(x),
    "vqvae-dit-speech2image.hear": lambda x: model("vqvae-dit-speech2image").hear(x),
    "vqvae-dit-recognition": lambda x: model("vqvae-dit-recognition").recognize(speech=x),
}
PICTURE_VERBS: dict[str, Verb] = {
    "vqvae-image.tokenize": lambda x: model("vqvae-image").tokenize(x),
    "vqvae-image": lambda x: model("vqvae-image")(x),
    "vqvae-dit-text2image.denoise": lambda x: model("vqvae-dit-text2image").denoise([x], steps=1),
    "vqvae-dit-text2image.upscale": lambda x: model("vqvae-dit-text2image").upscale([x], steps=1),
    "vqvae-dit-text2image.inpaint": lambda x: model("vqvae-dit-text2image").inpaint([x], [np.eye(32) > 0], steps=1),
    "vqvae-dit-digits.denoise": lambda x: model("vqvae-dit-digits").denoise([x], steps=1),
    "vqvae-dit-image2speech.describe": lambda x: model("vqvae-dit-image2speech").describe(x),
    "vqvae-dit-recognition": lambda x: model("vqvae-dit-recognition").recognize(image=x),
}
TEXT_VERBS: dict[str, Verb] = {
    "vqvae-dit-tts": lambda x: model("vqvae-dit-tts")(x, steps=1),
    "vqvae-dit-tts.stream": lambda x: next(iter(model("vqvae-dit-tts").stream(x, steps=1))),
    "phonemizer-en": lambda x: model("phonemizer-en")(x),
    "vqvae-words.tokenize": lambda x: model("vqvae-words").tokenize(x),
    "vqvae-words": lambda x: model("vqvae-words")(x),
    "vqvae-dit-text2image": lambda x: model("vqvae-dit-text2image")(x, steps=1),
    "vqvae-dit-digits": lambda x: model("vqvae-dit-digits")(x, steps=1),
    "vqvae-dit-recognition": lambda x: model("vqvae-dit-recognition").recognize(text=x),
}
TEXT = "a large red one"

RATE = 16_000
SAMPLES = np.round(np.sin(np.arange(8000) / 9) * np.hanning(8000) * 16_000) / 32_768
"""Half a second that 16 bits hold exactly."""
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def values(result: Any) -> list[Any]:
    """A result in a form that `==` compares."""
    if isinstance(result, list):
        return [values(one) for one in result]
    if isinstance(result, Audio):
        return [result.samples.tolist(), result.sample_rate]
    if isinstance(result, Image):
        return [result.pixels.tolist()]
    if hasattr(result, "tolist"):
        return [result.tolist()]
    return [result]


def light(verbs: dict[str, Verb], *fast: str) -> list[Any]:
    """All verbs as parameters; those not named are slow."""
    marks = {name: () if name in fast else (pytest.mark.slow,) for name in verbs}
    return [pytest.param(verb, id=name, marks=marks[name]) for name, verb in verbs.items()]
