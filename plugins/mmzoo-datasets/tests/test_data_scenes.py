"""Scenes: drawing and reading, captions both ways, the listener, and the spoken corpus."""

from __future__ import annotations

import io
import random
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmzoo_datasets.judges.captions import CaptionListener
from mmzoo_datasets.scenes.captions import Mention, agreement, caption, understand
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.spoken import UNSEEN_VOICE, scene_of, spoken_scenes
from mmzoo_datasets.scenes.world import HELD_OUT, Scene, Thing, random_scene, relation
from PIL import Image

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import ConfigError, InputError

spoken = pytest.mark.skipif(
    not (shutil.which("flite") and shutil.which("espeak-ng")), reason="flite or espeak-ng is not installed"
)
scenes = st.builds(
    lambda seed, things, held_out: random_scene(random.Random(seed), things=things, held_out=held_out),
    st.integers(0, 10**9), st.integers(1, 3), st.booleans(),
)  # fmt: skip


def attributes(scene):
    return scene.background, [(t.shape, t.colour, t.size, t.cell) for t in scene.things]


@pytest.mark.parametrize("side", [64, 48])
def test_the_reader_reads_every_attribute_of_true_scenes(side):
    chance = random.Random(7)
    drawn = [random_scene(chance, things=1 + k % 3, held_out=k % 2 == 0) for k in range(200)]
    assert sum(attributes(read(draw(scene, side))) != attributes(scene) for scene in drawn) <= 1


def test_the_reader_bears_noise_and_notices_damage():
    scene = Scene("gray", (Thing("star", "yellow", "large", 4),))
    clean = np.asarray(draw(scene), np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 8, clean.shape)
    assert attributes(read(noisy)) == attributes(scene)
    assert read(np.full((64, 64, 3), 112.0)).things == ()
    wiped = clean.copy()
    wiped[:32] = 112
    assert attributes(read(wiped)) != attributes(scene)
    with pytest.raises(InputError, match="RGB"):
        read(np.zeros((64, 32, 3)))


@given(scenes, st.integers(0, 10**6))
def test_captions_are_understood(scene, seed):
    text = caption(scene, random.Random(seed))
    said = understand(text)
    assert said.other_words == () and len(said.things) == len(scene.things) and said.background == scene.background
    assert all(all(right) for right in agreement(said, scene).values()), text


@given(scenes)
def test_another_scene_does_not_agree(scene):
    said = understand(caption(scene, random.Random(0)))
    other = Scene("black" if scene.background != "black" else "gray", ())
    right = agreement(said, other)
    assert right["background"] == [False] and not any(right["shape"]) and right["count"] == [False]


def test_free_text_is_understood_as_far_as_it_goes():
    said = understand("Please draw me a HUGE red circle in the middle, near a star; grey backdrop!")
    assert said.things == (Mention("circle", "red", None, 4), Mention("star"))
    assert said.background == "gray" and set(said.other_words) == {"please", "draw", "me", "huge", "near", "backdrop"}
    assert said.sentence() == "red circle in the center; star; gray background"
    assert understand("").things == () and understand("").background is None


def test_relations():
    left, right, low = (
        Thing("star", "red", "small", 3),
        Thing("ring", "blue", "small", 5),
        Thing("ring", "red", "small", 8),
    )
    assert relation(left, right) == "left of" and relation(right, left) == "right of"
    assert relation(right, low) == "above" and relation(low, right) == "below" and relation(left, low) is None
    said = understand("a small red star to the right of a small blue ring on a black background")
    assert agreement(said, Scene("black", (left, right)))["relation"] == [False]


@spoken
def test_the_corpus_is_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    sizes = {"train": 12, "validation": 2, "test": 6, "unseen_voice": 4}
    corpus = spoken_scenes(**sizes, shard_rows=4)
    assert {split: len(rows) for split, rows in corpus.items()} == sizes
    for split, rows in corpus.items():
        for row in rows:
            scene = scene_of(row["label"])
            assert attributes(read(Image.open(io.BytesIO(row["image"]["bytes"])))) == attributes(scene)
            assert all(all(right) for right in agreement(understand(row["text"]), scene).values())
            pairs = {(thing.shape, thing.colour) for thing in scene.things}
            assert bool(pairs & HELD_OUT) == (split == "test")
            assert (row["speaker"] == UNSEEN_VOICE) == (split == "unseen_voice")
            assert decode_audio(row["audio"]).sample_rate == 16000
    first = corpus["train"][:]
    shutil.rmtree(tmp_path / "datasets")
    again = spoken_scenes(**sizes, shard_rows=4)["train"][:]
    assert again == first
    longer = spoken_scenes(**{**sizes, "train": 14}, shard_rows=4)["train"]
    assert longer[:12] == first


@spoken
def test_the_listener_hears_captions(tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    rows = spoken_scenes(train=8, validation=1, test=1, unseen_voice=8, voices=["flite:slt"], things=1)
    for split in ("train", "unseen_voice"):
        sounds = [decode_audio(audio) for audio in rows[split]["audio"]]
        heard = [understand(text) for text in CaptionListener().listen(sounds)]
        assert sum(h == understand(text) for h, text in zip(heard, rows[split]["text"], strict=True)) >= 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 0}, "train"), ({"things": 4}, "things"), ({"side": 8}, "side"), ({"telling": "odd"}, "telling"),
        ({"voices": ["nobody"]}, "or espeak:NAME"), ({"voices": ["flite:nobody"]}, "no 16 kHz voice"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=message):
        load_dataset_component("spoken-scenes", **arguments)
