"""Captions: what is told, what is understood of it, and what counts as wrong when a scene is retold."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmzoo_datasets.scenes.captions import caption, grammar, plain_caption, retelling, understand
from mmzoo_datasets.scenes.spoken import scene_of, spoken_scenes
from mmzoo_datasets.scenes.world import BACKGROUNDS, COLOURS, SHAPES, SIZES, Scene, Thing, random_scene

SMALL = {"train": 1, "validation": 1, "test": 4, "unseen_voice": 4}
scenes = st.builds(
    lambda seed, things, held_out: random_scene(random.Random(seed), things=things, held_out=held_out),
    st.integers(0, 10**9), st.integers(1, 3), st.booleans(),
)  # fmt: skip


def retold(scene: Scene, text: str) -> dict[str, list[bool]]:
    return retelling(scene, understand(text))


def wrong(scene: Scene, text: str) -> dict[str, int]:
    """How many of each attribute are wrong, of those that have any."""
    found = {name: len(right) - sum(right) for name, right in retold(scene, text).items()}
    return {name: count for name, count in found.items() if count}


@given(scenes)
def test_a_plain_caption_tells_all_of_a_scene(scene):
    count = len(scene.things)
    found = retold(scene, plain_caption(scene))
    assert found == {"background": [True]} | {name: [True] * count for name in ("shape", "colour", "size", "position")}
    assert understand(plain_caption(scene)).other_words == ()


@given(scenes, st.randoms(use_true_random=False))
def test_what_is_told_otherwise_is_wrong_and_nothing_else(scene, chance):
    index = chance.randrange(len(scene.things))
    thing = scene.things[index]
    free = [cell for cell in range(9) if cell not in {other.cell for other in scene.things}]
    choices = {"shape": SHAPES, "colour": sorted(COLOURS), "size": sorted(SIZES), "cell": free}
    for name, values in choices.items():
        other = chance.choice([value for value in values if value != getattr(thing, name)])
        said = understand(plain_caption(scene))
        place = next(i for i, mention in enumerate(said.things) if mention.cell == thing.cell)
        things = [replace(said.things[place], **{name: other}) if i == place else m for i, m in enumerate(said.things)]
        found = retelling(scene, replace(said, things=tuple(things)))
        told = "position" if name == "cell" else name
        expected = retold(scene, plain_caption(scene)) | {told: [i != index for i in range(len(scene.things))]}
        assert found == expected
    background = chance.choice([name for name in sorted(BACKGROUNDS) if name != scene.background])
    assert wrong(scene, plain_caption(replace(scene, background=background))) == {"background": 1}


@given(scenes)
def test_a_text_that_says_nothing_is_all_wrong(scene):
    for text in ("", "there is nothing to see"):
        assert not any(right for row in retold(scene, text).values() for right in row)


TWO = Scene("black", (Thing("circle", "red", "small", 0), Thing("square", "blue", "large", 7)))
FIRST, SECOND = "a small red circle at the top left", "a large blue square at the bottom"


def test_a_scene_is_told_in_one_way_in_order_of_places():
    third = Thing("star", "pink", "small", 4)
    three = replace(TWO, things=(*TWO.things[::-1], third))
    assert plain_caption(TWO) == plain_caption(replace(TWO, things=TWO.things[::-1]))
    assert plain_caption(TWO) == f"{FIRST} and {SECOND} on a black background"
    assert plain_caption(three) == f"{FIRST}, a small pink star in the center and {SECOND} on a black background"
    assert plain_caption(replace(TWO, things=(third,))) == "a small pink star in the center on a black background"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{FIRST} and {SECOND} on a black background", {}),
        (f"{SECOND}, {FIRST}, the background is black", {}),
        (f"{FIRST} and {SECOND} and a small pink star in the center on a black background", {}),
        (f"{FIRST} and {SECOND}", {"background": 1}),
        (f"{FIRST} and {SECOND} on a gray background", {"background": 1}),
        (f"{FIRST} and a large blue square on black", {"position": 1}),
        (f"{FIRST} and a square at the bottom on black", {"colour": 1, "size": 1}),
        ("a small blue circle at the top left and a large red square at the bottom on black", {"colour": 2}),
        ("a small red square at the top left and a large blue circle at the bottom on black", {"shape": 2}),
        (f"{FIRST} on black", {"shape": 1, "colour": 1, "size": 1, "position": 1}),
        ("on a black background", {"shape": 2, "colour": 2, "size": 2, "position": 2}),
    ],
)
def test_what_is_counted_as_wrong(text, expected):
    assert wrong(TWO, text) == expected


def test_a_mention_is_used_once():
    twins = replace(TWO, things=(TWO.things[0], replace(TWO.things[0], cell=7)))
    assert wrong(twins, f"{FIRST} on black") == {"shape": 1, "colour": 1, "size": 1, "position": 1}


@pytest.mark.parametrize(
    ("scene", "text", "expected"),
    [
        (TWO, f"{SECOND} on black", {"shape": 1, "colour": 1, "size": 1, "position": 1}),
        (
            replace(TWO, things=(TWO.things[0], replace(TWO.things[0], cell=7))),
            "a small red circle at the bottom and a small red circle at the right on black",
            {"position": 1},
        ),
    ],
)
def test_mentions_go_to_the_things_that_they_fit_best(scene, text, expected):
    assert wrong(scene, text) == expected


def pattern(rule: str, rules: dict[str, str]) -> str:
    """A rule of the grammar as a regular expression for words that have a space after each."""
    tokens = re.findall(r"<\w+>|\w+|[()\[\]|]", rules[rule])
    signs = {"(": "(?:", ")": ")", "[": "(?:", "]": ")?", "|": "|"}
    parts = [f"(?:{pattern(t[1:-1], rules)})" if t[0] == "<" else signs.get(t, f"{t} ") for t in tokens]
    return "".join(parts)


RULES = dict(re.findall(r"<(\w+)> = (.+);", grammar()))
IN_GRAMMAR = re.compile(pattern("caption", RULES))


def words(text: str) -> str:
    """A text without its commas."""
    return " ".join(re.findall(r"\w+", text))


def in_grammar(text: str) -> bool:
    return IN_GRAMMAR.fullmatch(f"{words(text)} ") is not None


@given(scenes, st.integers(0, 10**6))
def test_the_listener_can_hear_every_caption(scene, seed):
    assert in_grammar(plain_caption(scene)) and in_grammar(caption(scene, random.Random(seed)))


def test_the_listener_cannot_hear_just_anything():
    assert in_grammar(f"there is {FIRST} on a black background")
    assert not in_grammar(FIRST) and not in_grammar(f"{SECOND} and on a black background") and not in_grammar("")


def test_scenes_are_told_in_one_way_or_various():
    told = {name: spoken_scenes(**SMALL, speech=False, telling=name)["test"] for name in ("plain", "various")}
    assert told["plain"]["label"] == told["various"]["label"] == spoken_scenes(**SMALL, speech=False)["test"]["label"]
    plain = [plain_caption(scene_of(label)) for label in told["plain"]["label"]]
    assert told["plain"]["text"] == plain != told["various"]["text"]
