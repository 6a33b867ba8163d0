"""Who speaks, by a judge that knows voices by their sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mmzoo.interfaces.values import Audio

Vectors = np.ndarray[Any, np.dtype[np.float64]]


class SpeakerJudge(Protocol):
    """The interface of a judge of speakers."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""

    def embed(self, sounds: Sequence[Audio], *, description: str = ...) -> Vectors:
        """A vector of length 1 for each sound, `[sounds, D]`; those of one speaker are alike."""


def nearest(vectors: Vectors, references: Mapping[str, Vectors]) -> list[str]:
    """The speaker of each sound.

    Args:
        vectors: Of the sounds, `[sounds, D]`.
        references: By speaker, the vectors of some sounds of theirs, `[references, D]`.

    Returns:
        The speaker whose mean vector is the most similar.
    """
    names = list(references)
    means = np.stack([references[name].mean(0) / np.linalg.norm(references[name].mean(0)) for name in names])
    return [names[best] for best in (vectors @ means.T).argmax(1)]


def similarities(a: Vectors, b: Vectors) -> Vectors:
    """The cosine similarity of each pair of vectors of length 1, `[sounds]`."""
    return np.asarray((a * b).sum(1))
