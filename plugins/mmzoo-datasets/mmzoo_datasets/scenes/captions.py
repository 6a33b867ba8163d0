"""Captions of scenes, a parser that reads them back, and their grammar for a speech recognizer."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mmzoo_datasets.scenes.world import BACKGROUNDS, CELLS, COLOURS, RELATIONS, SHAPES, SIZES, Scene, Thing, relation

_PLACE = {name: f"in the {name}" if name == "center" else f"at the {name}" for name in CELLS}
_ENDINGS = (" on a {} background", ", the background is {}")
_TOKEN = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Mention:
    """What a text says about one object; None if it says nothing. The relation is to the next mentioned object."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    cell: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """What a text says about a scene, and its words that are unknown here."""

    background: str | None
    things: tuple[Mention, ...]
    other_words: tuple[str, ...] = ()

    def sentence(self) -> str:
        """A readable summary."""
        parts = [
            " ".join(part for part in (m.size, m.colour, m.shape or "thing", _place_of(m)) if part) for m in self.things
        ]
        return "; ".join((*parts, f"{self.background} background" if self.background else "any background"))


def _place_of(mention: Mention) -> str | None:
    if mention.cell is not None:
        return _PLACE[CELLS[mention.cell]]
    return f"{mention.relation} the next" if mention.relation else None


def caption(scene: Scene, chance: random.Random) -> str:
    """A random caption of a scene; two objects may be described by their relation."""
    things = list(scene.things)
    chance.shuffle(things)
    ending = chance.choice(_ENDINGS).format(scene.background)
    if len(things) == 2 and (how := relation(things[0], things[1])) and chance.random() < 0.5:
        joint = f"to the {how}" if how in ("left of", "right of") else how
        return f"{_noun(things[0])} {joint} {_noun(things[1])}{ending}"
    nouns = [f"{_noun(thing)} {_PLACE[CELLS[thing.cell]]}" for thing in things]
    opening = chance.choice(("", "there is "))
    return opening + (", ".join(nouns[:-1]) + " and " if len(nouns) > 1 else "") + nouns[-1] + ending


def plain_caption(scene: Scene) -> str:
    """The fixed caption of a scene: every object with its place, in the order of cells, then the background."""
    nouns = [f"{_noun(thing)} {_PLACE[CELLS[thing.cell]]}" for thing in sorted(scene.things, key=lambda one: one.cell)]
    return (
        (", ".join(nouns[:-1]) + " and " if len(nouns) > 1 else "") + nouns[-1] + _ENDINGS[0].format(scene.background)
    )


def _noun(thing: Thing) -> str:
    return f"a {thing.size} {thing.colour} {thing.shape}"


def understand(text: str) -> Understood:
    """Parse any text about a scene, whether or not `caption` could have written it.

    Attributes belong to the shape that follows them, places and relations to the one before. Unknown words go to
    `other_words`.
    """
    words = _TOKEN.findall(text.lower().replace("grey", "gray").replace("middle", "center").replace("centre", "center"))
    background: str | None = None
    others: list[str] = []
    things: list[Mention] = []
    pending = Mention()
    place: list[str] = []

    def settle() -> None:
        if place and things:
            name = " ".join(place)
            if name in CELLS:
                things[-1] = replace(things[-1], cell=CELLS.index(name))
        place.clear()

    index = 0
    while index < len(words):
        word = words[index]
        following = words[index + 1] if index + 1 < len(words) else ""
        if word in BACKGROUNDS:
            background = word
        elif word in COLOURS:
            settle()
            pending = replace(pending, colour=word)
        elif word in SIZES:
            settle()
            pending = replace(pending, size=word)
        elif word in SHAPES:
            settle()
            things.append(replace(pending, shape=word))
            pending = Mention()
        elif things and (word in ("above", "below") or f"{word} {following}" in RELATIONS):
            name = word if word in RELATIONS else f"{word} {following}"
            things[-1] = replace(things[-1], relation=name)
            index += name.count(" ")
        elif word in ("top", "bottom", "left", "right", "center"):
            place.append(word)
        elif word not in _SILENT:
            others.append(word)
        index += 1
    settle()
    return Understood(background, tuple(things), tuple(others))


_SILENT = {"a", "an", "the", "on", "at", "in", "to", "of", "and", "is", "are", "there", "background", "with"}


def grammar() -> str:
    """A JSGF grammar of the captions, for speech recognizers."""
    places = " | ".join(_PLACE.values())
    relations = " | ".join(f"to the {how}" if " " in how else how for how in RELATIONS)
    return "\n".join(
        (
            "#JSGF V1.0;",
            "grammar captions;",
            "public <caption> = [there is] (<told> | <noun> <relation> <noun>) <ending>;",
            "<told> = <noun> <place> [<noun> <place>] [and <noun> <place>];",
            f"<noun> = a ({' | '.join(SIZES)}) ({' | '.join(COLOURS)}) ({' | '.join(SHAPES)});",
            f"<place> = {places};",
            f"<relation> = {relations};",
            "<ending> = on a <background> background | the background is <background>;",
            f"<background> = {' | '.join(BACKGROUNDS)};",
            "",
        )
    )


def agreement(said: Understood, scene: Scene) -> dict[str, list[bool]]:
    """For each attribute that a text mentions, whether the scene agrees; also for the background and the count.

    Mentions are matched to objects so that they agree best overall; all attributes of an unmatched mention are wrong.
    `count` is whether the text and the scene have the same number of objects.
    """
    right: dict[str, list[bool]] = {"count": [len(said.things) == len(scene.things)]}
    if said.background is not None:
        right["background"] = [said.background == scene.background]
    matched: list[Thing | None] = [None] * len(said.things)
    for mentioned, shown in _matches(said.things, scene.things):
        matched[mentioned] = scene.things[shown]
    for index, (mention, thing) in enumerate(zip(said.things, matched, strict=True)):
        for name in ("shape", "colour", "size", "cell"):
            if (value := getattr(mention, name)) is not None:
                right.setdefault("position" if name == "cell" else name, []).append(
                    thing is not None and getattr(thing, name) == value
                )
        if mention.relation is not None and index + 1 < len(matched):
            other = matched[index + 1]
            holds = thing is not None and other is not None and _holds(thing, other, mention.relation)
            right.setdefault("relation", []).append(holds)
    return right


def retelling(scene: Scene, said: Understood) -> dict[str, list[bool]]:
    """For each attribute of a scene, whether the text states it correctly; also for the background.

    Unlike in `agreement`, what the text omits is wrong, and what it adds does not count.
    """
    right: dict[str, list[bool]] = {"background": [said.background == scene.background]}
    matched: list[Mention | None] = [None] * len(scene.things)
    for mentioned, shown in _matches(said.things, scene.things):
        matched[shown] = said.things[mentioned]
    for thing, best in zip(scene.things, matched, strict=True):
        for name in ("shape", "colour", "size", "cell"):
            correct = best is not None and getattr(best, name) == getattr(thing, name)
            right.setdefault("position" if name == "cell" else name, []).append(correct)
    return right


def _matches(mentions: Sequence[Mention], things: Sequence[Thing]) -> list[tuple[int, int]]:
    """The best matching as pairs of indices, as many as possible; of equal ones the first.

    There are at most nine objects and three mentions, so all matchings can be tried.
    """
    if len(mentions) > len(things):
        ways = (list(zip(chosen, range(len(things)), strict=True)) for chosen in _chosen(mentions, things))
    else:
        ways = (list(zip(range(len(mentions)), chosen, strict=True)) for chosen in _chosen(things, mentions))
    return max(ways, key=lambda pairs: sum(_score(mentions[i], things[k]) for i, k in pairs))


def _chosen(many: Sequence[object], few: Sequence[object]) -> Iterator[tuple[int, ...]]:
    return itertools.permutations(range(len(many)), len(few))


def _score(mention: Mention, thing: Thing) -> int:
    weights = {"cell": 4, "shape": 3, "colour": 3, "size": 1}
    return sum(weight for name, weight in weights.items() if getattr(mention, name) == getattr(thing, name))


def _holds(first: Thing, second: Thing, how: str) -> bool:
    down, across = RELATIONS[how]
    (row, column), (other_row, other_column) = divmod(first.cell, 3), divmod(second.cell, 3)
    return (other_row - row) * down > 0 if down else (other_column - column) * across > 0
