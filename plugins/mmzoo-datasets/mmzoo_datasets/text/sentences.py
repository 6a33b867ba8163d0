"""English sentences from our own grammar: deterministic, varied in words, kinds and lengths."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from mmzoo_datasets.text import words as w

GRAMMAR_VERSION = 1

STATEMENTS = """The {adj} {noun} {past} the {noun} {prep} the {noun}.
{name} {past} a {adj} {noun} in {place}.
{name} and {name} {past} the {noun} {adv}.
Every {day} the {noun} {intr} {prep} the {adj} {noun}.
There was a {adj} {noun} {prep} the {noun}.
My {noun} {intr} {adv}, and the {noun} {intr} too.
The {noun} of {place} is {adj} and {adj}.
In {month} we {past} the {noun} {adv}.
She said that the {noun} was {adj}.
He {past} the {noun}, the {noun}, and the {noun}.
It was a {adj} {noun}, but nobody {past} it.
When the {noun} {intr}, {name} {past} the {noun}.
If you {verb} the {noun}, I will {verb} the {noun}.
{name} wants to {verb} the {adj} {noun} before {day}.
The {noun} cost {count} dollars and the {noun} cost {count}.
About {count} people {past} the {noun} in {place} last {month}.
The {noun} {intr} because the {noun} was too {adj}.
I think that {name} {past} every {noun} in the {noun}.
We have {count} {noun} stories and {count} {noun} songs.
Nobody in {place} {past} the {noun} as {adv} as {name}.
The {adj} {noun} and the {adj} {noun} {intr} {prep} the {noun}.
After {count} years the {noun} {intr} {adv}.
Her {noun} is {adj}, his {noun} is {adj}.
They {past} us with a {noun} and a {noun}.
{name} lives {prep} a {adj} {noun} with {count} {noun} makers.
At the {noun}, {name} {past} a {noun}; then the {noun} {intr}.
This {noun} is more {adj} than that {noun}.
The word {noun} comes before the word {noun}.
We talked about {noun} and {noun} until {day}.
One {noun} is enough for {name}.
A {noun} without a {noun} is only a {noun}.
The {noun} report says that {place} needs {noun} and {noun}.""".split("\n")

QUESTIONS = """Did {name} {verb} the {adj} {noun}?
Where is the {noun} that {name} {past}?
Why was the {noun} so {adj} in {month}?
Can you {verb} the {noun} {prep} the {noun}?
Who {past} my {adj} {noun}?
How many {noun} pictures did {name} {verb}?
Is the {noun} {prep} the {noun}, or {prep} the {noun}?
Have you heard about the {noun} in {place}?
Would {name} rather {verb} a {noun} or a {noun}?""".split("\n")

COMMANDS = """Please {verb} the {noun} {prep} the {noun}.
Do not {verb} the {adj} {noun}!
Take the {noun} to {place} on {day}.
Tell {name} to {verb} the {noun}.
Bring me the {adj} {noun} and the {noun}.
Look at the {noun}!
Never {verb} a {adj} {noun} {adv}.
Let us {verb} the {noun} {adv}.""".split("\n")

FRAGMENTS = """{adj} {noun}.
The {noun}.
{noun} and {noun}.
{noun}, {noun}, {noun}.
Good {noun}, {name}.
{name}!
Not the {noun}.
A {adj} {noun}?
{adv}.
On {day}.""".split("\n")

NUMERIC = """The {noun} cost ${money} at {clock}.
{name} was born in {year} in {place}.
On {month} {ordinal} we {past} {figure} {noun} boxes.
Dr. {name} and Mrs. {name} {past} the {noun} at {clock}.
The train to {place} leaves at {clock} from platform {small}.
It is {figure} miles from {place} to {place}.
Chapter {small} begins on page {figure}.
About {small}% of the {noun} was {adj}.
The {ordinal} {noun} weighs {figure} kg.
Mr. {name} paid ${money} for the {noun}.""".split("\n")

_SLOT = re.compile(r"\{(\w+)\}")
_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(value: int) -> str:
    """0..999 in words."""
    if value < 20:
        return _UNITS[value]
    if value < 100:
        ten = _TENS[value // 10 - 2]
        return ten if value % 10 == 0 else f"{ten} {_UNITS[value % 10]}"
    rest = "" if value % 100 == 0 else f" {number_words(value % 100)}"
    return f"{_UNITS[value // 100]} hundred{rest}"


def _ordinal(value: int) -> str:
    suffix = "th" if 10 <= value % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{suffix}"


class Sentences:
    """An endless stream of sentences.

    free: the share of noun slots filled from the long vocabulary. numerals: whether figures, money and
    abbreviations occur. banned: words that must never occur.
    """

    def __init__(
        self, seed: int, *, free: float = 0.4, numerals: bool = True, banned: frozenset[str] = frozenset()
    ) -> None:
        self.random = random.Random(seed)
        self.free, self.numerals = free, numerals
        self.vocabulary = [word for word in w.vocabulary() if word not in banned]
        self.banned = banned
        self._rare: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while True:
            text = self.sentence()
            if not self.banned.intersection(plain_words(text)):
                yield text

    def sentence(self) -> str:
        """One utterance: mostly one sentence, sometimes a fragment, a single word or two sentences."""
        draw = self.random.random()
        if draw < 0.02:
            return self.random.choice(w.SHORT)
        if draw < 0.06:
            return self._fill(self.random.choice(FRAGMENTS))
        if draw < 0.12:
            return f"{self._full()} {self._full()}"
        if draw < 0.17:
            return f"{self._full()[:-1]}, {self.random.choice(['and', 'but', 'so', 'while', 'yet'])} {self._clause()}"
        return self._full()

    def _full(self) -> str:
        draw = self.random.random()
        if self.numerals and draw < 0.12:
            return self._fill(self.random.choice(NUMERIC))
        if draw < 0.27:
            return self._fill(self.random.choice(QUESTIONS))
        if draw < 0.37:
            return self._fill(self.random.choice(COMMANDS))
        return self._fill(self.random.choice(STATEMENTS))

    def _clause(self) -> str:
        text = self._fill("the {noun} {intr} {prep} the {adj} {noun}.")
        return text[0].lower() + text[1:]

    def _fill(self, template: str) -> str:
        text = _SLOT.sub(lambda match: self._word(match.group(1)), template)
        text = re.sub(r"\b([Aa]) (?=[aeiouAEIOU])", r"\1n ", text)
        return text[0].upper() + text[1:]

    def _next_free(self) -> str:
        # Every word comes up once before any comes up twice, so that the list is covered.
        if not self._rare:
            self._rare = list(self.vocabulary)
            self.random.shuffle(self._rare)
        return self._rare.pop()

    def _word(self, slot: str) -> str:
        pick = self.random.choice
        if slot in {"noun", "adj"} and self.random.random() < self.free * (1.0 if slot == "noun" else 0.3):
            return self._next_free()
        match slot:
            case "count":
                return number_words(self.random.choice([*range(2, 21), *range(30, 1000, 7)]))
            case "money":
                return f"{self.random.randint(1, 99)}.{self.random.randint(0, 99):02d}"
            case "clock":
                return f"{self.random.randint(1, 12)}:{self.random.randint(0, 59):02d}"
            case "year":
                return str(self.random.randint(1700, 2030))
            case "ordinal":
                return _ordinal(self.random.randint(1, 31))
            case "figure":
                return f"{self.random.choice([self.random.randint(2, 99), self.random.randint(100, 9999)]):,}"
            case "small":
                return str(self.random.randint(2, 40))
        lists = {
            "noun": w.NOUNS, "adj": w.ADJECTIVES, "past": w.PAST_VERBS, "verb": w.BASE_VERBS,
            "intr": w.INTRANSITIVE_PAST, "adv": w.ADVERBS, "prep": w.PREPOSITIONS, "name": w.NAMES,
            "place": w.PLACES, "day": w.DAYS, "month": w.MONTHS,
        }  # fmt: skip
        return pick(lists[slot])


def plain_words(text: str) -> list[str]:
    """Lower-case words of a text without punctuation."""
    return re.findall(r"[a-z']+", text.lower())
