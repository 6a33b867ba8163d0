"""The measures of generated pictures, sounds and texts, where the right value is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mmzoo_prior.evaluate import frechet, recognized, variety
from mmzoo_prior.ngrams import KneserNey, copied, distinct

TEXTS = ["the cat sat on the mat.", "the dog sat on the rug.", "a cat saw the dog.", "a dog saw the cat."]


@pytest.mark.parametrize(("shift", "scale", "distance"), [(0, 1, 0), (2, 1, 3 * 4), (0, 3, 3 * 4), (1, 2, 3 + 3)])
def test_the_frechet_distance_of_gaussians(shift, scale, distance):
    a = np.random.default_rng(0).standard_normal((20_000, 3))
    assert frechet(a, shift + scale * a) == pytest.approx(distance, abs=0.2)
    assert frechet(shift + scale * a, a) == pytest.approx(distance, abs=0.2)


def test_copies_have_no_variety():
    training = np.random.default_rng(0).standard_normal((5, 4))
    assert variety(training[:1].repeat(3, 0), training) == {"nearest_training": 0, "pairwise": 0}
    assert variety(np.array([[0.0, 0], [3, 3]]), np.zeros((1, 2))) == pytest.approx(
        {"nearest_training": 1.5, "pairwise": 3}
    )


class Aligner:
    """Fits a word as badly as its length is off."""

    def fit(self, sounds, texts):
        return [[-abs(len(word) - sound)] if word else [] for sound, (word,) in zip(sounds, texts, strict=True)]


def test_the_word_that_fits_best_is_recognized():
    assert recognized(Aligner(), [3, 5, 4], ["", "two", "four", "seven"]) == ["two", "seven", "four"]


def test_probabilities_sum_to_one_and_rank_texts():
    model = KneserNey(TEXTS)
    for before in ((), ("the",), ("sat", "on"), ("never", "seen")):
        total = sum(model.probability((*before, word)) for word in model.known)
        assert total == pytest.approx(1)
    likely, odd = model.score("the cat sat on the dog."), model.score("on on mat cat the the")
    assert odd < likely < 0 and likely > -math.log(len(model.known))


def test_what_is_copied_and_distinct():
    assert copied(["the cat sat on the mat.", "The cat sat on the rug.", "a cat"], TEXTS) == 0.5
    assert distinct(["a a a"], 1) == pytest.approx(1 / 3) and distinct(["a b c"], 2) == 1
