"""How long speech is made in pieces, which are cut where it is quiet and joined without clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mmzoo_tts.speech_to_speech.level import Samples

SHORTEST_S, LONGEST_S = 5.0, 10.0
"""Limits of the length of a piece, in seconds."""
AROUND_S = 1.0
"""Seconds before and after a piece that are made with it and then left out."""
SMOOTH = 5
"""Latents over which the energy is averaged to find where it is quiet."""
JOIN_S = 0.02
"""Seconds over which a piece fades into the next one."""


class Piece(NamedTuple):
    """A piece, and what is made to get it: positions in latents, `begin <= start < end <= stop`."""

    begin: int
    start: int
    end: int
    stop: int


def pieces_of(energies: Samples, rate: float) -> list[Piece]:
    """Cut speech into pieces.

    Args:
        energies: How loud each latent is, `[N]`.
        rate: Latents per second.
    """
    count, around = len(energies), round(AROUND_S * rate)
    shortest, longest = round(SHORTEST_S * rate), round(LONGEST_S * rate)
    smooth = np.convolve(energies, np.ones(SMOOTH) / SMOOTH, "same")
    cuts = [0]
    while count - cuts[-1] > longest:
        low = cuts[-1] + shortest
        high = min(cuts[-1] + longest, count - around)
        cuts.append(low + int(np.argmin(smooth[low:high])))
    cuts.append(count)
    return [Piece(max(0, start - around), start, end, min(count, end + around)) for start, end in pairwise(cuts)]


def joined(
    pieces: list[Piece], make: Callable[[Piece], Samples], samples_per_latent: int, sample_rate: int
) -> Iterator[Samples]:
    """The sound of each piece; together they are continuous.

    Args:
        pieces: Pieces in order.
        make: Gives the samples of a piece, from `begin` to `stop`.
        samples_per_latent: Samples of each latent.
        sample_rate: In Hz.
    """
    width = round(JOIN_S * sample_rate)
    rising = (0.5 - 0.5 * np.cos(np.pi * (np.arange(width) + 0.5) / width)).astype(np.float32)
    tail = None
    for piece in pieces:
        made = make(piece)[: (piece.stop - piece.begin) * samples_per_latent]
        begin, end = ((at - piece.begin) * samples_per_latent for at in (piece.start, piece.end))
        samples = made[begin:end].copy()
        if tail is not None:
            samples[: len(tail)] = samples[: len(tail)] * rising[: len(tail)] + tail * (1 - rising[: len(tail)])
        tail = made[end : end + width]
        yield samples
