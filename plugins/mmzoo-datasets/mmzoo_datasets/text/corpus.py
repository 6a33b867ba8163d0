"""The texts of a corpus: held-out sentences, unseen words, and training sentences that contain neither."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from random import Random

from mmzoo_datasets.text import words
from mmzoo_datasets.text.grammar import OWN_WORDS, Writer, spoken_words
from mmzoo_datasets.text.rules import RULES
from mmzoo_datasets.text.vocabulary import COARSE, Vocabulary

VERSION = "1"
"""Part of the names of built corpora; increase it whenever the texts change."""

CARRIERS = (
    "Please say the word {} again.",
    "She wrote the word {} on the board.",
    "The next word is {}, I think.",
)
UNSUITABLE = frozenset(
    [
        "autistic",
        "fedora",
        "nokia",
        "repost",
        "superbowl",
        "abusive",
        "militant",
        "pistol",
        "penetrate",
        "intro",
        "combo",
        "manga",
        "taboo",
        "rookie",
        "violation",
        "explosive",
        "attacker",
        "explosion",
        "jealousy",
        "mommy",
        "endgame",
        "dumpster",
        "invasive",
        "yummy",
        "mormon",
        "scumbag",
        "slayer",
        "cartel",
        "sixteenth",
        "fiftieth",
        "millennium",
    ]
)
"""Brands, slang and the like that pass the rule below but do not belong in a test."""
BRANDS = frozenset(
    "barbie chevrolet chromecast condom corsair dildo downvote firefox gmail honda hyundai instagram intel kodak lexus"
    " libido linux macbook marriott mazda motorola mustang nintendo nissan pokemon porsche python reddit redneck"
    " respawn samsung saturn subaru tinder toyota tumblr twitter ubuntu verizon vista volvo vulcan wikipedia yahoo"
    " youtube thirteenth fourteenth fifteenth seventeenth eighteenth nineteenth fortieth".split()
)
"""What `unwritten_words` leaves out besides."""
MOST_WORDS = 25
SHARED_TRIGRAMS = 0.6


def unseen_words(vocabulary: Vocabulary, count: int, seed: int = 0) -> list[str]:
    """Suitable words that are in none of our rules and lists, in no form."""
    ours = {w.lower() for listed in OWN_WORDS.values() for w in listed} | set(
        re.findall("[a-z]+", " ".join(RULES.values()))
    )
    ours |= set(spoken_words(" ".join([*words.SHORT, *CARRIERS])))
    candidates = [word for word in _suitable(vocabulary, 14_000) if not any(related(word, other) for other in ours)]
    Random(f"unseen {seed}").shuffle(candidates)
    chosen: list[str] = []
    for word in candidates:
        if len(chosen) < count and not any(related(word, other) for other in chosen):
            chosen.append(word)
    return sorted(chosen)


def unwritten_words(vocabulary: Vocabulary, texts: Iterable[str], count: int, seed: int = 0) -> list[str]:
    """Suitable words that are in none of these texts, and no brands.

    Args:
        vocabulary: The recognizer's vocabulary.
        texts: All texts that training may use.
        count: Number of words.
        seed: Seed of the choice.
    """
    written = {word for text in texts for word in re.findall("[a-z]+", text.lower())} | BRANDS
    candidates = [w for w in _suitable(vocabulary, 20_000) if w not in written and not COARSE.search(w)]
    return sorted(Random(f"unwritten {seed}").sample(candidates, count))


def _suitable(vocabulary: Vocabulary, rarest: int) -> list[str]:
    """Content words of 2 to 4 syllables that have one pronunciation and no homophones, down to a rank of frequency."""
    sounds = Counter(phones for word in vocabulary.words.values() for phones in set(word.phones))
    ranks = {word: rank for rank, word in enumerate(vocabulary.words)}
    return [
        word
        for name in ("noun", "adj", "verb")
        for word in vocabulary.by_class[name]
        if 2_500 <= ranks[word] < rarest
        and 5 <= len(word) <= 10
        and 2 <= vocabulary.syllables(word) <= 4
        and len(vocabulary.pronunciations[word]) == 1
        and sounds[vocabulary.pronunciations[word][0]] == 1
        and word not in UNSUITABLE
        and not word.endswith(("ing", "ed", "ly", "s", "ian", "ish"))
    ]


def related(one: str, other: str) -> bool:
    """Whether two words look like forms of each other: `carve`, `carved`, `carving`."""
    short, long = sorted((one, other), key=len)
    stem = short[:-1] if short.endswith(("e", "y")) else short
    return len(stem) >= 4 and long.startswith(stem) and len(long) - len(stem) <= 4


def banned_words(unseen: Iterable[str], vocabulary: Vocabulary) -> frozenset[str]:
    """The unseen words and everything in the vocabulary that looks like a form of them."""
    by_start: dict[str, list[str]] = defaultdict(list)
    for word in vocabulary.words:
        by_start[word[:4]].append(word)
    return frozenset(other for word in unseen for other in by_start[word[:4]] if other == word or related(word, other))


def _trigrams(text: str) -> set[tuple[str, ...]]:
    tokens = spoken_words(text)
    return {tuple(tokens[i : i + 3]) for i in range(len(tokens) - 2)}


class Overlap:
    """Finds sentences that share most of their word trigrams with a protected one."""

    def __init__(self, protected: Sequence[str]) -> None:
        self._sets = [_trigrams(text) for text in protected]
        self._owners: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, grams in enumerate(self._sets):
            for gram in grams:
                self._owners[gram].append(index)

    def near(self, text: str) -> bool:
        """Whether over 60 % of the trigrams of some protected sentence, or of this one, are in both."""
        mine = _trigrams(text)
        shared = Counter(owner for gram in mine for owner in self._owners.get(gram, ()))
        return any(n > SHARED_TRIGRAMS * min(len(mine), len(self._sets[owner])) for owner, n in shared.items())


def heldout_sentences(vocabulary: Vocabulary, count: int, seed: int, unseen: Iterable[str]) -> list[str]:
    """Distinct sentences of 4 to 16 words that the recognizer knows, without digits, letters or abbreviations."""
    banned = banned_words(unseen, vocabulary)
    writer = Writer(vocabulary, Random(f"heldout {seed}"), share=0.2, names=0.0, figures=0.0, banned=banned)
    chosen: list[str] = []
    while len(chosen) < count:
        text = writer.sentence("PLAIN")
        tokens = spoken_words(text)
        if not 4 <= len(tokens) <= 16 or re.search(r"\d|\.\S|\b(Mr|Mrs)\b", text) or len(tokens) != len(text.split()):
            continue
        if all(w in vocabulary.words and w not in banned for w in tokens) and not Overlap(chosen).near(text):
            chosen.append(text)
    return chosen


def training_sentences(
    vocabulary: Vocabulary, count: int, seed: int, *, avoid: Sequence[str], unseen: Iterable[str], share: float = 0.4
) -> list[str]:
    """Distinct texts of 1 to 25 words: sentences, about 5 % very short ones and 12 % pairs of sentences.

    Args:
        vocabulary: The recognizer's vocabulary.
        count: Number of texts.
        seed: Seed of the texts.
        avoid: Sentences that must not occur, even approximately.
        unseen: Words that must not occur in any form.
        share: Probability that a slot takes a word of the vocabulary instead of one of our own.
    """
    banned = banned_words(unseen, vocabulary)
    rng = Random(f"training {seed}")
    writer = Writer(vocabulary, rng, share=share, names=0.35, figures=0.3, banned=banned)
    overlap, seen = Overlap(avoid), {text.lower() for text in avoid}
    short = list(words.SHORT)
    rng.shuffle(short)
    chosen: list[str] = []
    while len(chosen) < count:
        kind = rng.random()
        if kind < 0.05:
            text = short.pop() if short and rng.random() < 0.5 else writer.sentence("FRAGMENT")
        elif kind < 0.17:
            text = f"{writer.sentence()} {writer.sentence()}"
        else:
            text = writer.sentence()
            if len(text.split()) < 6 and rng.random() < 0.6:
                continue
        if len(text.split()) > MOST_WORDS or text.lower() in seen or overlap.near(text):
            continue
        if banned.isdisjoint(spoken_words(text)):
            seen.add(text.lower())
            chosen.append(text)
    return chosen
