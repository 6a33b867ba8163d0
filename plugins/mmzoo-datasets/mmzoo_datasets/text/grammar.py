"""Expands the rules into sentences; a language model chooses each word among a few candidates."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from functools import cache
from random import Random

from mmzoo_datasets.text import words
from mmzoo_datasets.text.numbers import NUMBERS
from mmzoo_datasets.text.rules import RULES
from mmzoo_datasets.text.vocabulary import Vocabulary

CANDIDATES = 6
_TOKEN = re.compile(r"<\w+>|\[\w+\]|\{\w+\}|\S+")
_PUNCTUATION = frozenset(".,;:?!")


@cache
def alternatives(symbol: str) -> tuple[tuple[tuple[str, ...], ...], tuple[float, ...]]:
    """The alternatives of a symbol as tokens, and their weights."""
    bodies, weights = [], []
    for part in RULES[symbol].split("|"):
        match = re.match(r"\s*(?:(\d+)\*)?\s*(.*?)\s*$", part, re.DOTALL)
        assert match is not None
        weights.append(float(match[1] or 1))
        bodies.append(tuple(_TOKEN.findall(match[2])))
    return tuple(bodies), tuple(weights)


def expand(symbol: str, rng: Random) -> list[str]:
    """A random derivation of the symbol: literals, `[slots]` and `{numbers}`."""
    bodies, weights = alternatives(symbol)
    tokens: list[str] = []
    for token in rng.choices(bodies, weights)[0]:
        if token.startswith("<"):
            tokens += expand(token[1:-1], rng)
        else:
            tokens.append(token)
    return tokens


def _column(verbs: list[str], index: int) -> list[str]:
    return [verb.split("/")[index] for verb in verbs]


OWN_WORDS: dict[str, list[str]] = {
    "noun": words.NOUNS, "plural": words.PLURALS, "adj": words.ADJECTIVES, "adv": words.ADVERBS,
    "verb": _column(words.TRANSITIVE, 0), "verbz": _column(words.TRANSITIVE, 1), "past": _column(words.TRANSITIVE, 2),
    "ing": _column(words.TRANSITIVE, 3), "verbi": _column(words.INTRANSITIVE, 0),
    "pasti": _column(words.INTRANSITIVE, 2),
    "ingi": _column(words.INTRANSITIVE, 3), "name": words.NAMES, "surname": words.SURNAMES, "place": words.PLACES,
    "month": words.MONTHS, "weekday": words.WEEKDAYS, "letter": list(string.ascii_uppercase),
    "mass": words.MASS,
}  # fmt: skip
"""The words written for this grammar, by slot."""

_SOURCES = {
    "noun": "noun", "plural": "plural", "adj": "adj", "adv": "adv", "verb": "verb", "verbi": "verb", "past": "past",
    "pasti": "past", "ing": "ing", "ingi": "ing", "mass": "noun", "other": "name", "name": "name", "surname": "name",
}  # fmt: skip


@dataclass
class Deck:
    """The vocabulary of one class, dealt in shuffled order so that every word is used."""

    cards: list[str]
    rng: Random
    _hand: list[str] = field(default_factory=list)

    def draw(self, count: int) -> list[str]:
        """The next cards; those not taken stay for the next draw."""
        while len(self._hand) < count:
            fresh = list(self.cards)
            self.rng.shuffle(fresh)
            self._hand += fresh
        return self._hand[:count]

    def take(self, card: str) -> None:
        """Remove one of the cards just drawn."""
        self._hand.remove(card)
        if self._hand and self.rng.random() < 0.25:  # so that a word that never fits does not block the hand
            self._hand.append(self._hand.pop(0))


class Writer:
    """Writes sentences.

    Args:
        vocabulary: The recognizer's vocabulary.
        rng: Random numbers.
        share: Probability that a slot takes a word of the vocabulary instead of one of our own.
        names: The same for slots of names.
        figures: Probability that a number is written in digits.
        banned: Words that must not occur.
    """

    def __init__(
        self, vocabulary: Vocabulary, rng: Random, *, share: float, names: float, figures: float, banned: frozenset[str]
    ) -> None:
        self.vocabulary, self.rng, self.figures = vocabulary, rng, figures
        self.share = {"name": names, "surname": names, "other": 1.0}
        self.usual_share = share
        self.own = {slot: [w for w in listed if w.lower() not in banned] for slot, listed in OWN_WORDS.items()}
        pools = {name: [w for w in listed if w not in banned] for name, listed in vocabulary.by_class.items()}
        decks = {name: Deck(pool, rng) for name, pool in pools.items()}
        self.decks = {slot: decks[name] for slot, name in _SOURCES.items()}

    def sentence(self, symbol: str = "SENTENCE") -> str:
        """One sentence, capitalized and with its punctuation."""
        tokens = expand(symbol, self.rng)
        done: list[str] = []
        for position, token in enumerate(tokens):
            if token.startswith("["):
                done.append(self._fill(token[1:-1], done, tokens[position + 1] if position + 1 < len(tokens) else ""))
            elif token.startswith("{"):
                done.append(NUMBERS[token[1:-1]](self.rng, self.rng.random() < self.figures))
            else:
                done.append(token)
        return self._render(done)

    def _fill(self, slot: str, before: list[str], after: str) -> str:
        wide = slot in self.decks and self.rng.random() < self.share.get(slot, self.usual_share)
        if wide:
            candidates = self.decks[slot].draw(CANDIDATES)
        else:
            candidates = [self.rng.choice(self.own[slot]) for _ in range(CANDIDATES)]
        candidates = [w for w in candidates if w not in before] or candidates
        history = [w.lower() for text in before[-3:] for w in text.split() if w not in _PUNCTUATION]
        following = after.lower() if after[:1].isalpha() else ""
        best = max(
            candidates,
            key=lambda w: (
                self.vocabulary.lift(history, w.lower())
                + (self.vocabulary.lift([*history[-1:], w.lower()], following) if following else 0.0)
            ),
        )
        if wide:
            self.decks[slot].take(best)
        return best.capitalize() if slot in ("name", "surname", "other") and self.rng.random() < 0.8 else best

    def _render(self, parts: list[str]) -> str:
        tokens = [word for part in parts for word in part.split()]
        for i, token in enumerate(tokens[:-1]):
            if token == "a" and self.vocabulary.starts_with_vowel(tokens[i + 1]):
                tokens[i] = "an"
        text = re.sub(r"\s+([.,;:?!]|'s\b)", r"\1", " ".join(tokens))
        text = re.sub(r"(?<=[.?!] )([a-z])", lambda match: match[1].upper(), text)
        text = re.sub(r"\b(Mr|Mrs)\.(?=[?!.]|$)", r"\1", text)
        text = re.sub(r"([.?!])[.]+", r"\1", text)
        return text[0].upper() + text[1:]


def spoken_words(text: str) -> list[str]:
    """The words of a text, in lower case, without digits and punctuation."""
    return re.findall(r"[a-z']*[a-z]", text.lower())
