"""A word n-gram model with interpolated Kneser-Ney smoothing (Chen and Goodman 1999, section 2.7): a judge of texts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
DISCOUNT = 0.75
_TOKEN = re.compile(r"[a-z']+|[0-9]+|[^\sa-z0-9']")


def tokens(text: str) -> list[str]:
    """The lowercase words, numbers and punctuation marks of a text."""
    return _TOKEN.findall(text.lower())


class KneserNey:
    """The model of one set of texts. Words that occur once count as unknown.

    Args:
        texts: The texts.
        order: Number of words in an n-gram.
    """

    def __init__(self, texts: Iterable[str], order: int = 3) -> None:
        read = [tokens(text) for text in texts]
        counts = Counter(word for words in read for word in words)
        self.order, self.known = order, {word for word, count in counts.items() if count > 1} | {END, UNKNOWN}
        grams: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
        for words in read:
            padded = self._padded(words)
            for i in range(order - 1, len(padded)):
                grams[-1][tuple(padded[i - order + 1 : i + 1])] += 1
        for n in range(order - 2, -1, -1):  # lower orders count how many words an n-gram follows
            for gram in grams[n + 1]:
                grams[n][gram[1:]] += 1
        self._counts = grams
        self._totals: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
        self._kinds: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
        for n in range(order):
            for gram, count in grams[n].items():
                self._totals[n][gram[:-1]] += count
                self._kinds[n][gram[:-1]] += 1

    def _padded(self, words: Sequence[str]) -> list[str]:
        known = [word if word in self.known else UNKNOWN for word in words]
        return [START] * (self.order - 1) + known + [END]

    def probability(self, gram: tuple[str, ...]) -> float:
        """Of the last word of an n-gram after the others; over all known words, these sum to 1."""
        if not gram:
            return 1 / len(self.known)
        n, before = len(gram) - 1, gram[:-1]
        total = self._totals[n][before]
        if not total:
            return self.probability(gram[1:])
        left = DISCOUNT * self._kinds[n][before] / total
        return max(self._counts[n][gram] - DISCOUNT, 0) / total + left * self.probability(gram[1:])

    def score(self, text: str) -> float:
        """Mean log-probability of a text's words and its end, in nats."""
        padded = self._padded(tokens(text))
        spans = range(self.order - 1, len(padded))
        logs = [math.log(self.probability(tuple(padded[i - self.order + 1 : i + 1]))) for i in spans]
        return sum(logs) / len(logs)


def distinct(texts: Sequence[str], n: int) -> float:
    """Distinct n-grams over all n-grams of the texts (Li et al., arXiv 1510.03055)."""
    grams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = tokens(text)
        grams.update(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    return len(grams) / max(1, sum(grams.values()))


def copied(texts: Sequence[str], training: Iterable[str], words: int = 6) -> float:
    """Fraction of the texts of this many words and more that are in training, word by word."""
    known = {tuple(tokens(text)) for text in training}
    long = [tuple(tokens(text)) for text in texts if len(text.split()) >= words]
    return sum(one in known for one in long) / max(1, len(long))
