"""Measures transfer between speech and pictures: scenes are read by rule, captions by a speech recognizer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import mmzoo
from mmzoo.data import decode_audio, load_dataset_component, sheet
from mmzoo.errors import InputError
from mmzoo.evaluation.heldout import teacher_of
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import in_batches, pictures_of
from mmzoo.evaluation.speech import SAMPLE_FORMAT
from mmzoo.evaluation.words import ErrorRate, accuracies, accuracy, capped, interval, plain, pooled
from mmzoo.interfaces import Audio, Image

SCENES, COMPARED = 400, 100
"""Scenes on which the model is judged, and how many of them are used for comparisons."""
SHOWN, HEARD = 12, 3
"""Sample pictures and sample sounds to write."""
BLANK = Image(np.zeros((64, 64, 3), np.uint8))
MUTE = Audio(np.full(1600, 1e-3, np.float32), 16000)
"""Stand in for a picture or a sound that the model could not make."""
BACK = "vqvae-dit-speech2image"
"""The model that draws the speech, for the round trip."""


def evaluate_speech_to_image(
    model: Any, *, judge: str = "scene-reader", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Attributes of captions that the drawn pictures show, and word errors, for known and unseen voices.

    Args:
        model: A speech-to-image model.
        judge: Name of the judge that reads scenes.
        limit: Number of captions; None for all.
        samples: Folder for samples; None for none.

    Returns:
        The content of `evaluation.json`.
    """
    reader = load_judge(judge)
    world = load_dataset_component("spoken-scenes")
    count = min(limit or SCENES, SCENES)
    figures: dict[str, Any] = {"attributes_right": {}, "artist_told_the_words": {}, "words_wrong": {}}
    texts: dict[str, str] = {}
    seconds = 0.0
    for name in ("test", "unseen_voice"):
        rows = world[name].select(range(min(count, len(world[name]))))
        sounds = [decode_audio(cell) for cell in rows["audio"]]
        start = time.perf_counter()
        drawn = in_batches(sounds, lambda some, seed: transferred(model, some, seed, BLANK))
        seconds += time.perf_counter() - start
        captions = rows["text"][:COMPARED]
        from_words = in_batches(captions, lambda some, seed: model.artist.generate(some, seed=seed))
        figures["attributes_right"][name] = accuracies(reader.as_told(rows["text"], drawn))
        figures["artist_told_the_words"][name] = accuracies(reader.as_told(captions, from_words))["all"]
        heard = [model.hear(sound) for sound in sounds]
        figures["words_wrong"][name] = interval(
            ErrorRate.of([plain(t) for t in rows["text"]], [h.split() for h in heard])
        )
        if samples is not None:
            samples.mkdir(parents=True, exist_ok=True)
            sheet(pictures_of(rows)[:SHOWN], drawn[:SHOWN]).save(samples / f"{name}.png")
            texts |= _write(samples, {name: sounds}, heard, len(texts))
    if samples is not None:
        _write_texts(samples, texts)
    return {
        "protocol": {
            "data": "spoken captions of scenes: test has pairs of shape and colour that training lacks, in voices of"
            " training; unseen_voice is spoken by a voice that training lacks",
            "utterances": count,
            "artist_told_the_words": min(count, COMPARED),
            "judge": f"{reader.name}, against what the captions say",
        },
        **figures,
        "speed": {"pictures_per_second": 2 * count / seconds},
    }


def evaluate_image_to_speech(
    model: Any, *, judge: str = "caption-listener", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Attributes of held-out scenes in the judge's transcripts of the model's speech, and in pictures drawn from it.

    The transcripts are compared with those of the teacher, its reconstruction, and the voice given true captions.

    Args:
        model: An image-to-speech model.
        judge: Name of the judge that transcribes captions.
        limit: Number of scenes; None for all.
        samples: Folder for samples; None for none.

    Returns:
        The content of `evaluation.json`.
    """
    listener, reader = load_judge(judge), load_judge("scene-reader")
    count = min(limit or SCENES, SCENES)
    sizes = {"train": 1, "validation": 1, "unseen_voice": 1}
    world = load_dataset_component("spoken-scenes", **sizes, speech=False, telling="plain")
    rows = world["test"].select(range(count))
    scenes, shown, captions = list(rows["label"]), pictures_of(rows), list(rows["text"])
    start = time.perf_counter()
    spoken = in_batches(shown, lambda some, seed: transferred(model, some, seed, MUTE))
    seconds = time.perf_counter() - start
    written = ["".join(sound.notes[:1]) for sound in spoken]
    some = captions[:COMPARED]
    teacher = _said_by_teacher(model.voice, some)
    arms = {
        "teacher": teacher,
        "copy": [model.voice.tokenizer(sound) for sound in _progress(teacher, "copies")],
        "told_the_words": [model.voice(text) for text in _progress(some, "voice")],
        "model": spoken,
    }
    heard = {name: listener.listen(sounds) for name, sounds in arms.items()}
    drawn = transferred(mmzoo.create(BACK), spoken, 0, BLANK)
    back = reader.errors(scenes, drawn)
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        sheet(shown[:SHOWN], drawn[:SHOWN]).save(samples / "round-trip.png")
        _write_texts(samples, _write(samples, {"model": spoken, "teacher": teacher}, written))
    return {
        "protocol": {
            "data": "scenes with pairs of shape and colour that training lacks",
            "scenes": count,
            "teacher_copy_and_told_the_words": len(some),
            "judge": listener.name,
        },
        "attributes_heard": {
            name: accuracies(reader.retold(scenes[: len(texts)], texts)) for name, texts in heard.items()
        },
        "attributes_written": accuracies(reader.retold(scenes, written)),
        "captions_word_by_word": sum(plain(a) == plain(b) for a, b in zip(written, captions, strict=True)) / count,
        "round_trip": {
            "model": {name: 1 - wrong.rate for name, wrong in back.items()}
            | {"all": accuracy(capped(pooled(list(back.values()))))}
        },
        "speed": {"sounds_per_second": count / seconds},
    }


def transferred(model: Any, items: Sequence[Any], seed: int, instead: Any) -> list[Any]:
    """The model's output for each item, item i with seed + i; `instead` for items that it refuses."""
    try:
        return list(model.transfer(list(items), seed=seed))
    except InputError:
        if len(items) == 1:
            return [instead]
        return [one for i, item in enumerate(items) for one in transferred(model, [item], seed + i, instead)]


def _said_by_teacher(voice: Any, texts: Sequence[str]) -> list[Audio]:
    """The texts spoken by the synthesizer that taught the model's first voice."""
    name = voice.voices[0]
    spoken = load_dataset_component("spoken-texts", texts=list(texts), voice=teacher_of(voice, name) or f"flite:{name}")
    return [decode_audio(cell) for cell in spoken["test"]["audio"]]


def _write_texts(samples: Path, texts: Mapping[str, str]) -> None:
    (samples / "texts.json").write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _progress(items: Sequence[Any], what: str) -> Any:
    return tqdm(items, desc=what, disable=None, leave=False)


def _write(
    samples: Path, sounds: Mapping[str, Sequence[Audio]], texts: Sequence[str], before: int = 0
) -> dict[str, str]:
    """Write a few sounds of each kind as `<number>-<kind>`; returns their texts by number, from `before` + 1."""
    numbered = {str(before + index): text for index, text in enumerate(texts[:HEARD], 1)}
    for kind, some in sounds.items():
        for number, sound in zip(numbered, some, strict=False):
            sound.save(samples / f"{number}-{kind}.{SAMPLE_FORMAT}")
    return numbered
