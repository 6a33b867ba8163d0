"""Words spoken by the zoo's own models: each alone, or cut from spoken captions of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from mmzoo_recognition.examples import samples_of
from torch import Tensor

import mmzoo
from mmzoo.data import as_image, load_dataset_component
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio, Image
from studies.recognition.cells import tensors

TTS, CAPTIONER = "vqvae-dit-tts", "vqvae-dit-image2speech"
CLIPS = 10
"""Maximum number of clips of a word."""
SPEEDS = (0.8, 1.25)
MARGIN_S = 0.04
"""Seconds kept before and after a word, because part of its sound is in its neighbors."""
PICTURES = 400


def clips(model: str, words: Sequence[str], folder: Path, sample_rate: int) -> tuple[list[Tensor], list[str]]:
    """Clips `[T]` spoken by a model, and the word of each; computed once.

    Args:
        model: TTS or CAPTIONER.
        words: The words to collect.
        folder: Where the clips are kept.
        sample_rate: In Hz.

    Raises:
        DataError: The model said none of the words.
        UnknownNameError: The model is not installed.
    """

    def make() -> dict[str, Tensor]:
        voice = mmzoo.create(model)
        said = alone(voice, words) if model == TTS else from_captions(voice, _pictures(), words)
        if not said:
            raise DataError(f"{model} said none of the words {', '.join(words)}; there is nothing to train on.")
        return {name: samples_of(audio, sample_rate) for name, audio in said.items()}

    made = tensors(folder / f"clips-{model}-{CLIPS}.safetensors", make)
    return list(made.values()), [name.partition(" ")[0] for name in made]


def alone(voice: Any, words: Sequence[str]) -> dict[str, Audio]:
    """Every word CLIPS times, each with its own noise and speed; keys are like `red 07`."""
    return {
        f"{word} {number:02d}": voice(word, seed=seed, speed=_speed(seed))
        for seed, (word, number) in enumerate(product(words, range(CLIPS)))
    }


def from_captions(captioner: Any, pictures: Sequence[Image], words: Sequence[str]) -> dict[str, Audio]:
    """Words cut from spoken captions by the captioner's own word times; at most CLIPS of each.

    The label of a clip is the spoken word, whether or not it is true of the picture.
    """
    cuts: dict[str, Audio] = {}
    count: Counter[str] = Counter()
    for index, (picture, caption) in enumerate(zip(pictures, captioner.describe(list(pictures)), strict=True)):
        if not any(word in words and count[word] < CLIPS for word in caption.split()):
            continue
        audio = captioner.transfer(picture, seed=index, speed=_speed(index))
        for segment in audio.segments:
            word = segment.text.lower()
            if segment.kind == "word" and word in words and count[word] < CLIPS:
                cuts[f"{word} {count[word]:02d}"] = cut(audio, segment.start, segment.end)
                count[word] += 1
    return cuts


def cut(audio: Audio, start: float, end: float) -> Audio:
    """The samples from start to end in seconds, with MARGIN_S on each side where available."""
    first, last = round((start - MARGIN_S) * audio.sample_rate), round((end + MARGIN_S) * audio.sample_rate)
    return Audio(audio.samples[max(0, first) : last], audio.sample_rate)


def _speed(seed: int) -> float:
    return float(np.random.default_rng(seed).uniform(*SPEEDS))


def _pictures() -> list[Image]:
    scenes = load_dataset_component(
        "spoken-scenes", speech=False, telling="plain", things=1, train=PICTURES, validation=1, test=1, unseen_voice=1
    )
    return [as_image(cell) for cell in scenes["train"]["image"]]
