"""The evaluation of transfer: models that hear, draw and tell all that is there, and models that do not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmzoo_datasets.flite import speak
from mmzoo_datasets.scenes.captions import plain_caption, understand
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.spoken import scene_of, spoken_scenes
from mmzoo_datasets.scenes.world import BACKGROUNDS, COLOURS, SHAPES, SIZES, Scene, Thing
from mmzoo_transfer import evaluate
from PIL import Image as Pillow

import mmzoo
from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image

SMALL = {"train": 1, "validation": 1, "test": 4, "unseen_voice": 4}
needs_voices = pytest.mark.skipif(
    not (shutil.which("flite") and shutil.which("espeak-ng")), reason="flite or espeak-ng is not installed"
)
needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Every test has its own empty cache."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))


def words(text: str) -> str:
    """A text without its commas."""
    return " ".join(re.findall(r"\w+", text))


# --- from speech to pictures -------------------------------------------------------------------------


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge's scenes, few of them."""

    def load(name: str, **given: Any) -> Any:
        return load_dataset_component(name, **{**given, **(SMALL if name == "spoken-scenes" else {})})

    monkeypatch.setattr(evaluate, "load_dataset_component", load)


def drawing(scene: Scene) -> Image:
    return Image(np.asarray(draw(scene)))


def texts_of(samples: Path) -> dict[str, str]:
    return dict(json.loads((samples / "texts.json").read_text("utf-8")))


class Listener:
    """Knows every utterance of the small corpus by its samples, and draws the scene that its caption tells."""

    def __init__(self) -> None:
        self.artist, self.seeds, self.prompts = self, [], []
        rows = [row for name, split in spoken_scenes(**SMALL).items() if name != "train" for row in split]
        self.texts = {decode_audio(row["audio"]).samples.tobytes(): words(row["text"]) for row in rows}
        self.scenes = {words(row["text"]): scene_of(row["label"]) for row in rows}

    def hear(self, sound: Audio) -> str:
        return self.texts[sound.samples.tobytes()]

    def generate(self, prompts: Sequence[str], *, seed: int = 0) -> list[Image]:
        self.prompts += prompts
        return [drawing(self.scenes[words(prompt)]) for prompt in prompts]

    def transfer(self, sounds: Sequence[Audio], *, seed: int = 0) -> list[Image]:
        self.seeds.append((seed, len(sounds)))
        return [drawing(self.scenes[self.hear(sound)]) for sound in sounds]


class Deaf(Listener):
    """Hears one word and draws nothing but black; its artist could do better."""

    def hear(self, sound: Audio) -> str:
        return "black"

    def transfer(self, sounds: Sequence[Audio], *, seed: int = 0) -> list[Image]:
        return [Image(np.zeros((64, 64, 3), np.uint8)) for _ in sounds]


@needs_voices
@pytest.mark.usefixtures("small_world")
def test_who_hears_and_draws_all_is_right(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "COMPARED", 2)
    model = Listener()
    found = evaluate.evaluate_speech_to_image(model, limit=3, samples=tmp_path / "samples")
    for name in ("test", "unseen_voice"):
        assert found["attributes_right"][name]["all"]["share"] == 1
        assert set(found["attributes_right"][name]) >= {"background", "colour", "shape", "size", "count"}
        assert found["artist_told_the_words"][name]["share"] == 1 and found["words_wrong"][name]["rate"] == 0
    assert found["protocol"]["utterances"] == 3 and found["protocol"]["artist_told_the_words"] == 2
    assert len(model.prompts) == 2 * 2 and found["speed"]["pictures_per_second"] > 0
    assert model.seeds == [(0, 3), (0, 3)]
    written = {path.name for path in (tmp_path / "samples").iterdir()}
    sounds = {*(f"{i}-test.ogg" for i in (1, 2, 3)), *(f"{i}-unseen_voice.ogg" for i in (4, 5, 6))}
    assert written == {"test.png", "unseen_voice.png", "texts.json"} | sounds
    texts = texts_of(tmp_path / "samples")
    assert list(texts) == list("123456")
    for name in sounds:  # what is written is compressed, so that only the nearest sound is the same
        sound = Audio.load(tmp_path / "samples" / name).samples
        near = {text: np.frombuffer(key, np.float32) for key, text in model.texts.items()}
        errors = {text: np.square(sound - one).mean() for text, one in near.items() if len(one) == len(sound)}
        assert min(errors, key=errors.__getitem__) == texts[name[0]]
    assert Pillow.open(tmp_path / "samples" / "test.png").size == (3 * 64 + 2 * 4, 2 * 64 + 4)


@needs_voices
@pytest.mark.usefixtures("small_world")
def test_who_draws_nothing_is_wrong_though_the_artist_could():
    found = evaluate.evaluate_speech_to_image(Deaf(), limit=4)
    for name in ("test", "unseen_voice"):
        right = found["attributes_right"][name]
        assert right["shape"] == right["colour"] == right["size"] == right["count"] == 0
        assert right["all"]["low"] <= right["all"]["share"] <= right["all"]["high"] < 0.3
        assert found["artist_told_the_words"][name]["share"] == 1
        assert found["words_wrong"][name]["rate"] > 0.9


# --- from pictures to speech -------------------------------------------------------------------------


class Voice:
    """flite itself, and a tokenizer that changes nothing."""

    voices = ("slt",)

    def __call__(self, text: str) -> Audio:
        return decode_audio({"bytes": speak(text, "slt").wav, "path": None})

    def tokenizer(self, sound: Audio) -> Audio:
        return sound


class Teller:
    """Reads the picture by rule and says what it shows."""

    def __init__(self) -> None:
        self.voice, self.seeds = Voice(), []

    def tell(self, scene: Scene) -> str:
        return plain_caption(scene)

    def transfer(self, shown: Sequence[Image], *, seed: int = 0) -> list[Audio]:
        self.seeds.append((seed, len(shown)))
        texts = [self.tell(read(picture.pixels)) for picture in shown]
        return [replace(self.voice(text), notes=(text, "spelt")) for text in texts]


class Liar(Teller):
    """Tells another scene, of as many things, where nothing is as it is."""

    def tell(self, scene: Scene) -> str:
        def other(names: Any, name: str) -> str:
            names = sorted(names)
            return names[(names.index(name) + 1) % len(names)]

        things = [
            Thing(other(SHAPES, t.shape), other(COLOURS, t.colour), other(SIZES, t.size), (t.cell + 1) % 9)
            for t in scene.things
        ]
        return plain_caption(Scene(other(BACKGROUNDS, scene.background), tuple(things)))


class Back:
    """Draws what the first note of a sound says."""

    def transfer(self, sounds: Sequence[Audio], *, seed: int = 0) -> list[Image]:
        said = [understand(sound.notes[0]) for sound in sounds]
        return [
            drawing(Scene(one.background, tuple(Thing(m.shape, m.colour, m.size, m.cell) for m in one.things)))
            for one in said
        ]


@pytest.fixture
def way_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the models that the judge asks for; each is a `Back`."""
    asked: list[str] = []
    monkeypatch.setattr(mmzoo, "create", lambda name: asked.append(name) or Back())
    return asked


def all_of(found: dict[str, Any]) -> dict[str, float]:
    return {name: arm["all"]["share"] for name, arm in found["attributes_heard"].items()}


@needs_flite
@pytest.mark.usefixtures("small_world")
def test_who_tells_all_is_heard_as_the_teacher_is(way_back, tmp_path):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx, which listens, is not installed")
    model = Teller()
    found = evaluate.evaluate_image_to_speech(model, limit=2, samples=tmp_path / "samples")
    assert way_back == ["vqvae-dit-speech2image"] and model.seeds == [(0, 2)]
    assert found["attributes_written"]["all"]["share"] == found["captions_word_by_word"] == 1
    assert set(found["attributes_written"]) == {"background", "shape", "colour", "size", "position", "all"}
    heard = all_of(found)
    assert set(heard) == {"teacher", "copy", "told_the_words", "model"} and len(set(heard.values())) == 1
    assert heard["model"] > 0.8
    back = found["round_trip"]["model"]
    assert back["all"]["share"] == 1 and back["shape"] == back["position"] == back["background"] == 1
    assert found["protocol"] | {"scenes": 2} == found["protocol"]
    assert found["speed"]["sounds_per_second"] > 0
    written = {path.name for path in (tmp_path / "samples").iterdir()}
    sounds = {f"{i}-{name}.ogg" for i in (1, 2) for name in ("model", "teacher")}
    assert written == {"round-trip.png", "texts.json"} | sounds
    assert Pillow.open(tmp_path / "samples" / "round-trip.png").size == (2 * 64 + 4, 2 * 64 + 4)
    texts = texts_of(tmp_path / "samples")
    assert list(texts) == ["1", "2"] and not any(understand(text).other_words for text in texts.values())


@needs_flite
@pytest.mark.usefixtures("small_world")
def test_who_tells_another_scene_is_wrong_and_the_teacher_is_not(way_back, monkeypatch):
    """Others than the model are heard on the first scenes alone."""
    monkeypatch.setattr(evaluate, "COMPARED", 1)
    pytest.importorskip("pocketsphinx", reason="pocketsphinx, which listens, is not installed")
    found = evaluate.evaluate_image_to_speech(Liar(), limit=2)
    assert found["protocol"]["scenes"] == 2 and found["protocol"]["teacher_copy_and_told_the_words"] == 1
    assert found["attributes_written"]["all"]["share"] == found["captions_word_by_word"] == 0
    heard = all_of(found)
    assert heard["teacher"] == heard["copy"] == heard["told_the_words"] > 0.8 and heard["model"] < 0.3
    assert found["round_trip"]["model"]["all"]["share"] < 0.3


def test_an_item_that_a_model_makes_nothing_of_stops_no_evaluation():
    class Picky:
        def transfer(self, items, *, seed):
            if "bad" in items:
                raise InputError("No word was understood.")
            return [f"{item} {seed + i}" for i, item in enumerate(items)]

    found = evaluate.transferred(Picky(), ["a", "bad", "b"], 5, "nothing")
    assert found == ["a 5", "nothing", "b 7"]
    assert evaluate.transferred(Picky(), ["a", "b"], 5, "nothing") == ["a 5", "b 6"]
