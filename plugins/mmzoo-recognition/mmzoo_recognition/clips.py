"""Words said by the zoo's own models: each alone, or cut from what is told of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

import mmzoo
from mmzoo.data import as_image, load_dataset_component
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio, Image
from mmzoo_recognition.examples import samples_of
from mmzoo_recognition.kept import kept

TTS, TELLER = "vqvae-dit-tts", "vqvae-dit-image2speech"
CLIPS = 10
"""Most clips of a word."""
SPEEDS = (0.8, 1.25)
MARGIN_S = 0.04
"""Kept before and after a word that is cut out, for its neighbours hold a part of its sound."""
PICTURES = 400


def clips(model: str, words: Sequence[str], folder: Path, sample_rate: int) -> tuple[list[Tensor], list[str]]:
    """Sounds `[T]` and the word of each, said by TTS or by TELLER; made once and kept in the folder.

    Raises DataError when the model says none of the words, and what `mmzoo.create` raises where it is absent.
    """

    def make() -> dict[str, Tensor]:
        voice = mmzoo.create(model)
        found = alone(voice, words) if model == TTS else told(voice, _pictures(), words)
        if not found:
            raise DataError(f"{model} said none of the words {', '.join(words)}; there is nothing to learn from it.")
        return {name: samples_of(audio, sample_rate) for name, audio in found.items()}

    made = kept(folder / f"clips-{model}-{CLIPS}.safetensors", make)
    return list(made.values()), [name.partition(" ")[0] for name in made]


def alone(voice: Any, words: Sequence[str]) -> dict[str, Audio]:
    """Every word CLIPS times with other noise and another speed, by names such as `red 07`."""
    return {
        f"{word} {number:02d}": voice(word, seed=seed, speed=_speed(seed))
        for seed, (word, number) in enumerate(product(words, range(CLIPS)))
    }


def told(teller: Any, pictures: Sequence[Image], words: Sequence[str]) -> dict[str, Audio]:
    """What is told of pictures, cut to the words by the teller's own times; at most CLIPS of a word.

    The label of a clip is the word that was said, right or wrong about the picture.
    """
    found: dict[str, Audio] = {}
    count: Counter[str] = Counter()
    for index, (picture, caption) in enumerate(zip(pictures, teller.describe(list(pictures)), strict=True)):
        if not any(word in words and count[word] < CLIPS for word in caption.split()):
            continue
        audio = teller.transfer(picture, seed=index, speed=_speed(index))
        for segment in audio.segments:
            word = segment.text.lower()
            if segment.kind == "word" and word in words and count[word] < CLIPS:
                found[f"{word} {count[word]:02d}"] = cut(audio, segment.start, segment.end)
                count[word] += 1
    return found


def cut(audio: Audio, start: float, end: float) -> Audio:
    """The sound from start to end in seconds, and MARGIN_S on both sides where there is as much."""
    first, last = round((start - MARGIN_S) * audio.sample_rate), round((end + MARGIN_S) * audio.sample_rate)
    return Audio(audio.samples[max(0, first) : last], audio.sample_rate)


def _speed(seed: int) -> float:
    return float(np.random.default_rng(seed).uniform(*SPEEDS))


def _pictures() -> list[Image]:
    scenes = load_dataset_component(
        "spoken-scenes", speech=False, telling="plain", things=1, train=PICTURES, validation=1, test=1, unseen_voice=1
    )
    return [as_image(cell) for cell in scenes["train"]["image"]]
