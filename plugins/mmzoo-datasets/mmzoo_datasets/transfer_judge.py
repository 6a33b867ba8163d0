"""How well models go from speech to pictures and back: scenes read by rule, captions heard by a recogniser."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import mmzoo
from mmzoo.data import decode_audio, decode_image, sheet
from mmzoo.errors import InputError
from mmzoo.evaluation.words import ErrorRate, interval, plain
from mmzoo.interfaces import Audio, Image
from mmzoo_datasets.drawing_judge import at_most_all, batches, pictures_of, pooled, right, shares_right, told_right
from mmzoo_datasets.flite import speak
from mmzoo_datasets.picture_judge import attribute_errors
from mmzoo_datasets.scenes.captions import plain_caption, retelling, understand
from mmzoo_datasets.scenes.listener import listen_to_captions
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.spoken import scene_of, spoken_scenes
from mmzoo_datasets.shards import write_json

SCENES, COMPARED = 400, 100
"""Scenes to judge the model by, and the first of them that others are compared on."""
SHOWN, HEARD = 12, 3
"""Samples to look at and to listen to."""
BLANK = Image(np.zeros((64, 64, 3), np.uint8))
MUTE = Audio(np.full(1600, 1e-3, np.float32), 16000)
"""What counts for a picture and a sound of a model that made neither."""
BACK = "vqvae-dit-speech2image"
"""Draws what was said, for the round trip."""


def evaluate_speech_to_image(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """What captions say that the pictures drawn from their speech show; words heard wrong; known and unseen voices."""
    world = spoken_scenes()
    count = min(limit or SCENES, SCENES)
    found: dict[str, Any] = {"attributes_right": {}, "artist_told_the_words": {}, "words_wrong": {}}
    texts: dict[str, str] = {}
    seconds = 0.0
    for name in ("test", "unseen_voice"):
        rows = world[name].select(range(min(count, len(world[name]))))
        sounds = [decode_audio(cell) for cell in rows["audio"]]
        start = time.perf_counter()
        drawn = batches(sounds, lambda i, j, sounds=sounds: transferred(model, sounds[i:j], i, BLANK))
        seconds += time.perf_counter() - start
        texts_told = rows["text"][:COMPARED]
        told = batches(texts_told, lambda i, j, some=texts_told: model.artist.generate(some[i:j], seed=i))
        found["attributes_right"][name] = told_right(rows["text"], drawn)
        found["artist_told_the_words"][name] = told_right(texts_told, told)["all"]
        heard = [model.hear(sound) for sound in sounds]
        found["words_wrong"][name] = interval(
            ErrorRate.of([plain(t) for t in rows["text"]], [h.split() for h in heard])
        )
        if samples is not None:
            samples.mkdir(parents=True, exist_ok=True)
            sheet(pictures_of(rows)[:SHOWN], drawn[:SHOWN]).save(samples / f"{name}.png")
            texts |= _write(samples, {name: sounds}, heard, len(texts))
    if samples is not None:
        write_json(samples / "texts.json", texts)
    return {
        "protocol": {
            "data": "spoken captions of scenes: test has pairs of shape and colour that training lacks, in voices of"
            " training; unseen_voice is spoken by a voice that training lacks",
            "utterances": count,
            "artist_told_the_words": min(count, COMPARED),
            "judge": "scene reader by rule, against what the captions say",
        },
        **found,
        "speed": {"pictures_per_second": 2 * count / seconds},
    }


def evaluate_image_to_speech(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """What a recogniser hears of held-out scenes in the model's speech, its teacher's, and others; and the way back."""
    count = min(limit or SCENES, SCENES)
    rows = spoken_scenes(train=1, validation=1, unseen_voice=1, speech=False)["test"].select(range(count))
    scenes, shown = [scene_of(label) for label in rows["label"]], [decode_image(cell) for cell in rows["image"]]
    captions = [plain_caption(scene) for scene in scenes]
    start = time.perf_counter()
    spoken = batches(shown, lambda i, j: transferred(model, shown[i:j], i, MUTE))
    seconds = time.perf_counter() - start
    told = ["".join(sound.notes[:1]) for sound in spoken]
    some = captions[:COMPARED]
    teacher = [_teacher(text, model.voice.voices[0]) for text in _progress(some, "teacher")]
    arms = {
        "teacher": teacher,
        "copy": [model.voice.tokenizer(sound) for sound in _progress(teacher, "copies")],
        "told_the_words": [model.voice(text) for text in _progress(some, "voice")],
        "model": spoken,
    }
    found = {name: listen_to_captions(_progress(sounds, "listening")) for name, sounds in arms.items()}
    drawn = transferred(mmzoo.create(BACK), spoken, 0, BLANK)
    back = attribute_errors(scenes, [read(picture.pixels) for picture in drawn])
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        sheet(shown[:SHOWN], drawn[:SHOWN]).save(samples / "round-trip.png")
        write_json(samples / "texts.json", _write(samples, {"model": spoken, "teacher": teacher}, told))
    return {
        "protocol": {
            "data": "scenes with pairs of shape and colour that training lacks",
            "scenes": count,
            "teacher_copy_and_told_the_words": len(some),
            "judge": "pocketsphinx with the grammar of captions",
        },
        "attributes_heard": {name: _heard(scenes[: len(texts)], texts) for name, texts in found.items()},
        "attributes_written": _heard(scenes, told),
        "captions_word_by_word": sum(plain(a) == plain(b) for a, b in zip(told, captions, strict=True)) / count,
        "round_trip": {
            "model": {name: 1 - wrong.rate for name, wrong in back.items()}
            | {"all": right(at_most_all(pooled(list(back.values()))))}
        },
        "speed": {"sounds_per_second": count / seconds},
    }


def transferred(model: Any, items: Sequence[Any], seed: int, instead: Any) -> list[Any]:
    """What a model makes of each item, item i with seed + i; `instead` for one that it makes nothing of."""
    try:
        return list(model.transfer(list(items), seed=seed))
    except InputError:
        if len(items) == 1:
            return [instead]
        return [one for i, item in enumerate(items) for one in transferred(model, [item], seed + i, instead)]


def _heard(scenes: Sequence[Any], texts: Sequence[str]) -> dict[str, Any]:
    return shares_right([retelling(scene, understand(text)) for scene, text in zip(scenes, texts, strict=True)])


def _teacher(text: str, voice: str) -> Audio:
    return decode_audio({"bytes": speak(text, voice).wav, "path": None})


def _progress(items: Sequence[Any], what: str) -> Any:
    return tqdm(items, desc=what, disable=None, leave=False)


def _write(
    samples: Path, sounds: Mapping[str, Sequence[Audio]], texts: Sequence[str], before: int = 0
) -> dict[str, str]:
    """A few sounds of each kind as `<number>-<kind>.wav`; what they say by number, counted on from `before`."""
    told = {str(before + index): text for index, text in enumerate(texts[:HEARD], 1)}
    for kind, some in sounds.items():
        for number, sound in zip(told, some, strict=False):
            sound.save(samples / f"{number}-{kind}.wav")
    return told
