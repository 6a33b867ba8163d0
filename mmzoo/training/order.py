"""The order of the data: a pure function of (seed, epoch), the same on every rank and after every restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

from mmzoo.errors import DataError
from mmzoo.training.seeds import generator_for

MEGABATCH = 50
"""Batches that are sorted together: enough to keep padding low, few enough to keep the order random."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """The size of a batch: a number of items, or the largest number of frames (longest length times items)."""

    items: int | None = None
    frames: int | None = None


class DataOrder:
    """Global batches of indices for each epoch, of which a rank takes every world-th item.

    Args:
        lengths: The length of each example, positive, in the unit of `size.frames`.
        size: The size of a batch.
        seed: Seed of the order.
        bucket: Put examples of similar length into the same batch.
        labels: One label per example, to even their numbers out: an epoch then draws as many examples as there are,
            with replacement.
        balance: 1 draws all labels equally often, a smaller fraction in proportion to count ** (1 - balance).
    """

    def __init__(
        self,
        lengths: Sequence[int],
        size: BatchSize,
        *,
        seed: int,
        bucket: bool,
        labels: Sequence[Hashable] | None = None,
        balance: float = 1.0,
    ) -> None:
        if not len(lengths):
            raise DataError("The dataset has no training examples; check its split and limit.")
        self.lengths = [int(length) for length in lengths]
        self.size = size
        self.seed = seed
        self.bucket = bucket
        self._weights: torch.Tensor | None = None
        if labels is not None:
            counts = Counter(labels)
            self._weights = torch.tensor([counts[label] ** -balance for label in labels], dtype=torch.float64)
        self.labels = labels
        self._epochs: dict[int, list[list[int]]] = {}

    def batches(self, epoch: int) -> list[list[int]]:
        """All global batches of an epoch, in order."""
        if epoch not in self._epochs:
            # Two epochs are in use at their boundary: the feed runs a few batches ahead of training.
            kept = {number: batches for number, batches in self._epochs.items() if abs(number - epoch) <= 1}
            self._epochs = kept | {epoch: self._plan(epoch)}
        return self._epochs[epoch]

    def _plan(self, epoch: int) -> list[list[int]]:
        generator = generator_for(self.seed, "order", epoch)
        count = len(self.lengths)
        if self._weights is None:
            drawn = torch.randperm(count, generator=generator)
        else:
            drawn = torch.multinomial(self._weights, count, replacement=True, generator=generator)
        indices: list[int] = drawn.tolist()
        if self.bucket:
            indices = self._bucketed(indices)
        batches = self._packed(indices)
        if self.bucket:
            shuffle = torch.randperm(len(batches), generator=generator).tolist()
            batches = [batches[i] for i in shuffle]
        return batches

    def _bucketed(self, indices: list[int]) -> list[int]:
        """Sort by length within megabatches, alternately up and down, so that lengths do not jump between them."""
        if self.size.items is not None:
            per_batch = self.size.items
        else:
            per_batch = max(1, (self.size.frames or 1) * len(self.lengths) // max(1, sum(self.lengths)))
        width = per_batch * MEGABATCH
        ordered: list[int] = []
        for number, start in enumerate(range(0, len(indices), width)):
            chunk = indices[start : start + width]
            ordered += sorted(chunk, key=self.lengths.__getitem__, reverse=bool(number % 2))
        return ordered

    def _packed(self, indices: list[int]) -> list[list[int]]:
        batches: list[list[int]] = []
        current: list[int] = []
        longest = 0
        for index in indices:
            length = self.lengths[index]
            if current and self._full(len(current), max(longest, length)):
                batches.append(current)
                current, longest = [], 0
            current.append(index)
            longest = max(longest, length)
        # A small remainder would give a few examples the weight of a full batch.
        if not batches or self._full(len(current), longest):
            batches.append(current)
        return batches

    def _full(self, items: int, longest: int) -> bool:
        """Whether one more item would exceed the size, given the greatest length."""
        if self.size.items is not None:
            return items >= self.size.items
        return (items + 1) * longest > (self.size.frames or 0)

    def share(self, epoch: int, position: int, rank: int, world: int) -> list[int]:
        """The indices in batch `position` that `rank` trains on; never empty."""
        batch = self.batches(epoch)[position]
        return batch[rank::world] or [batch[rank % len(batch)]]

    def next(self, epoch: int, position: int) -> tuple[int, int]:
        """(epoch, position) of the next batch."""
        position += 1
        return (epoch, position) if position < len(self.batches(epoch)) else (epoch + 1, 0)

    def frames(self, epoch: int, position: int) -> tuple[int, int]:
        """(items, sum of lengths) of a global batch."""
        batch = self.batches(epoch)[position]
        return len(batch), sum(self.lengths[i] for i in batch)
