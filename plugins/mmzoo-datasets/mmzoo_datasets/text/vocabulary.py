"""The recognizer's own dictionary and language model, as a source of words and a judge of word order.

Read from the installed `pocketsphinx` at build time: about 70,000 words that both its dictionary and its
language model know. Nothing of it is stored in this package.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mmzoo.errors import DataError
from mmzoo_datasets.phone_map import VOWELS

UNKNOWN = -5e8
LOG_STEP = 1e-4  # pocketsphinx keeps log probabilities in base 1.0001
COARSE = re.compile(
    r"fuck|shit|cunt|bitch|nigg|whore|slut|porn|rape|rapist|raping|dick|cock|pussy|penis|vagina|anal|anus|boob|tits?$|bastard|"
    r"retard|fag|homo|gay|lesb|trann|jerk|masturb|orgas|erotic|sex|nude|naked|horny|damn|crap|piss|\bass\b|asshole|asses|arse|hooker|"
    r"prostitut|nazi|hitler|suicid|jihad|terroris|molest|incest|pedo|semen|sperm|genital|testic|scrot|douche|turd|poop|cum$|cums$|"
    r"negro|kike|spic$|chink|gook|dyke|klan|\bjew|musli|islam|christ|\barab|asian|mexican|african|hispan|latin[oa]|iran|israel|palestin|racis|corpse|^(itunes|iphone|samsung|harley|tibet)|"
    r"abort|slave|holocaust|genocid|heroin|cocaine|murder|killer|killing|sodom|bondage|fetish|thong|bra$|panties|stripper"
)
_CLASSES = {
    "noun": (["a", "the", "this", "my"], ["of", "is", "was"]),
    "plural": (["these", "the", "many", "some"], ["are", "were", "of"]),
    "verb": (["to", "will", "can", "don't"], ["it", "the", "your"]),
    "adj": (["very", "so", "is", "more"], ["and", "people", "man"]),
}


@dataclass(frozen=True, slots=True)
class Word:
    """One dictionary word.

    Args:
        text: The word.
        logprob: Natural log of its unigram probability.
        phones: Its ARPABET pronunciations.
    """

    text: str
    logprob: float
    phones: tuple[tuple[str, ...], ...]


class Vocabulary:
    """Words that are in both the dictionary and the language model."""

    def __init__(self, dictionary: Path, language_model: Path) -> None:
        from pocketsphinx import NGramModel

        self._model: Any = NGramModel.readfile(str(language_model))
        pronunciations: dict[str, list[tuple[str, ...]]] = {}
        for line in dictionary.read_text(encoding="utf-8").splitlines():
            text, *phones = line.split()
            pronunciations.setdefault(re.sub(r"\(\d+\)$", "", text), []).append(tuple(phones))
        self.pronunciations = {text: tuple(phones) for text, phones in pronunciations.items()}
        known = (
            Word(t, p, self.pronunciations[t]) for t in pronunciations if (p := self.logprob([t])) > UNKNOWN * LOG_STEP
        )
        self.words = {word.text: word for word in sorted(known, key=lambda w: (-w.logprob, w.text))}

    def logprob(self, words: Sequence[str]) -> float:
        """ln P(last word | previous words), of which at most two count."""
        return float(self._model.prob(list(words[-3:])[::-1])) * LOG_STEP

    def lift(self, before: Sequence[str], word: str) -> float:
        """Log of how much more likely the word is after these words than in general, in nats; 0 if unknown."""
        history = [w for w in before if w in self.words][-2:]
        if word not in self.words or not history:
            return 0.0
        return self.logprob([*history, word]) - self.words[word].logprob

    def starts_with_vowel(self, word: str) -> bool:
        """Whether `an` goes before the word: by its sound if it is in the dictionary, else by its first letter."""
        known = self.pronunciations.get(word.lower())
        return known[0][0] in VOWELS if known else word[:1].lower() in "aeiou8"

    def syllables(self, word: str) -> int:
        """Number of vowels in the first pronunciation."""
        return sum(phone in VOWELS for phone in self.pronunciations[word][0])

    def class_of(self, word: str) -> str:
        """`noun`, `plural`, `verb`, `past`, `ing`, `adj`, `adv` or `name`, guessed by ending and neighbors."""
        if word.endswith("ly") and len(word) > 5:
            return "adv"
        if word.endswith("ing") and len(word) > 5:
            return "ing"
        if word.endswith("ed") and len(word) > 4:
            return "past"
        scores = {}
        for name, (before, after) in _CLASSES.items():
            left = [self.lift([b], word) for b in before]
            right = [self.lift([word], a) for a in after]
            scores[name] = sum(left) / len(left) + 0.7 * sum(right) / len(right)
        if word.endswith("s") and not word.endswith(("ss", "us", "is")) and word[:-1] in self.words:
            scores["plural"] += 2.0
        else:
            scores["plural"] -= 2.0
        best = max(scores, key=lambda name: scores[name])
        return best if scores[best] > 0.35 else "name"

    @cached_property
    def by_class(self) -> dict[str, list[str]]:
        """About 15,000 of the most frequent plain words, without the top 60, by class, most frequent first."""
        classes: dict[str, list[str]] = {}
        for text in list(self.words)[60:19_000]:
            if plain(text):
                classes.setdefault(self.class_of(text), []).append(text)
        return classes


def plain(word: str) -> bool:
    """Whether a word has at least three letters with a vowel among them, nothing else, and is not coarse."""
    return (
        len(word) >= 3
        and word.isascii()
        and word.isalpha()
        and bool(re.search("[aeiouy]", word))
        and not COARSE.search(word)
    )


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary of the installed pocketsphinx. Raises DataError if it is not installed."""
    try:
        from pocketsphinx import get_model_path
    except ImportError as error:
        raise DataError(
            "pocketsphinx, whose word list the corpus uses, is not installed; run: pip install pocketsphinx"
        ) from error
    return Vocabulary(Path(get_model_path("en-us/cmudict-en-us.dict")), Path(get_model_path("en-us/en-us.lm.bin")))
