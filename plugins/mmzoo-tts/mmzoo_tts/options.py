"""The validated options of a synthesis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmzoo.errors import InputError

SPEEDS = (0.1, 10.0)
"""Slowest and fastest speed."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """Validated options of a synthesis.

    Args:
        voice: The weight of each voice; they sum to 1.
        speed: 2.0 is twice as fast.
        steps: Sampling steps.
        seed: Seed of the initial noise.
        notes: Reports the seed if it was drawn.
    """

    voice: tuple[float, ...]
    speed: float
    steps: int
    seed: int
    notes: tuple[str, ...] = ()

    def seed_of(self, chunk: int) -> int:
        """The seed of a chunk: its noise must not depend on the other chunks."""
        return (self.seed * 1_000_003 + chunk * 7919) % (1 << 63)

    def check_rates(self, rates: Iterable[float]) -> None:
        """Raise InputError if a rate of the text, times the speed, is too slow or too fast."""
        for rate in rates:
            if not SPEEDS[0] <= rate * self.speed <= SPEEDS[1]:
                raise InputError(
                    f"The text has the rate {rate:g}; with speed {self.speed:g} that is {rate * self.speed:g} times the"
                    f" normal rate, which must be from {SPEEDS[0]} to {SPEEDS[1]}."
                )
