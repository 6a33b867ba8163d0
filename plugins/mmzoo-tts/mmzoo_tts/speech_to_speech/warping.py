"""Where in one utterance something is said that another one says at a given time.

All utterances of a text are compared with one of them, the pivot. The map of an utterance gives its time, in seconds,
for the start of each frame of the pivot and for its end. Two maps make the map between any two utterances.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from mmzoo.evaluation.sound import warp
from mmzoo.nn.mel import BandNorm, LogMel

Times = np.ndarray[Any, np.dtype[np.float64]]
Samples = np.ndarray[Any, np.dtype[np.float32]]

RATE = 50
"""Frames of the pivot per second."""
BANDS = 40
SMOOTH = 5
"""Frames over which a warping path is averaged."""
ALIKE = 0.8
"""The fraction of phones that two utterances must share for their phone times to be used."""


def frames_of(seconds: float) -> int:
    """Number of frames of an utterance."""
    return max(1, round(seconds * RATE))


def by_phones(
    pivot: tuple[Sequence[str], Sequence[float]], own: tuple[Sequence[str], Sequence[float]], seconds: float
) -> Times | None:
    """The map from phone times, linear within each phone that both have.

    Args:
        pivot: Phones and the time in seconds at which each ends.
        own: Those of the other utterance.
        seconds: Duration of the pivot.

    Returns:
        `[frames + 1]`, or None if the two do not share enough phones.
    """
    same = _matched(pivot[0], own[0])
    if not same or len(same) < ALIKE * max(len(pivot[0]), len(own[0])):
        return None
    edges = [np.concatenate(([0.0], np.asarray(ends, np.float64))) for _, ends in (pivot, own)]
    # Both edges of every phone that both have; the map is linear in between.
    i, j = (np.array([(index, index + 1) for index in indices]).ravel() for indices in zip(*same, strict=True))
    places, times = edges[0][i], edges[1][j]
    places = np.concatenate(([0.0], places, [max(seconds, edges[0][-1])]))
    times = np.concatenate(([0.0], times, [times[-1] + places[-1] - places[-2]]))
    return increasing(np.interp(np.arange(frames_of(seconds) + 1) / RATE, places, times))


def by_sound(pivot: Samples, own: Samples, sample_rate: int) -> Times:
    """The map from the sounds `[frames + 1]`, by dynamic time warping of log-mels whose bands are standardized."""
    i, j = warp(_features(pivot, sample_rate), _features(own, sample_rate))
    count = np.bincount(i)
    middle = np.bincount(i, weights=j) / count + 0.5  # of the frames that belong to each frame of the pivot
    padded = np.pad(middle, SMOOTH // 2, mode="reflect", reflect_type="odd") if len(middle) > SMOOTH else middle
    smooth = np.convolve(padded, np.ones(SMOOTH) / SMOOTH, "valid") if len(middle) > SMOOTH else middle
    edges = np.concatenate(([0.0], (smooth[1:] + smooth[:-1]) / 2, [len(own) / sample_rate * RATE]))
    return increasing(edges / RATE)


def between(source: Times, target: Times, times: Times) -> Times:
    """Where the source says what the target says at `times`, in seconds, from the maps of both."""
    grid = np.arange(len(target), dtype=np.float64) / RATE
    return np.asarray(np.interp(np.interp(times, target, grid), grid, source), np.float64)


def increasing(times: Times) -> Times:
    """Times that never fall or stand still, so that they can be inverted."""
    steps = 1e-6 * np.arange(len(times))
    return np.asarray(np.maximum.accumulate(np.maximum(times, 0)) + steps, np.float64)


def _features(samples: Samples, sample_rate: int) -> Any:
    hop = sample_rate // RATE
    frames = frames_of(len(samples) / sample_rate)
    padded = np.zeros(frames * hop, np.float32)
    padded[: min(len(samples), len(padded))] = samples[: len(padded)]
    with torch.no_grad():
        frames = _log_mel(sample_rate)(torch.from_numpy(padded).unsqueeze(0))
        return BandNorm(floor=0.3)(frames)[0].double().numpy()


@lru_cache(maxsize=2)
def _log_mel(sample_rate: int) -> LogMel:
    hop = sample_rate // RATE
    return LogMel(sample_rate=sample_rate, window=2 * hop, hop=hop, bands=BANDS, floor=1e-3)


def _matched(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of indices of equal phones in an alignment that keeps most of them."""
    if list(a) == list(b):
        return [(k, k) for k in range(len(a))]
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, list(a), list(b), autojunk=False).get_matching_blocks()
    return [(block.a + k, block.b + k) for block in blocks for k in range(block.size)]
