"""Batches of tensors in the order given by `DataOrder`, prefetched in a thread or in worker processes."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmzoo.interfaces import Examples
from mmzoo.training.order import DataOrder
from mmzoo.training.seeds import generator_for

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What one rank trains on at once.

    Attributes:
        tensors: The batch of the examples.
        weight: The weight of its mean loss, so that the mean of the ranks' sums is the mean over the global batch.
    """

    tensors: Mapping[str, Tensor]
    weight: float


@dataclass(frozen=True, slots=True)
class Batch:
    """The parts of a global batch that one rank trains on, and its (epoch, position)."""

    place: Place
    parts: tuple[Part, ...]


class _Places(Dataset[Batch]):
    """(epoch, position) to a batch; picklable, so that worker processes can hold it."""

    def __init__(self, examples: Examples, order: DataOrder, rank: int, world: int, accumulate: int) -> None:
        self.examples = examples
        self.order = order
        self.rank = rank
        self.world = world
        self.accumulate = accumulate

    def __getitem__(self, place: Place) -> Batch:
        # Parts are dealt like ranks: 2 parts on each of 4 ranks are those of 8 ranks.
        dealers = range(self.rank, self.world * self.accumulate, self.world)
        return Batch(place, tuple(self._part(place, dealer) for dealer in dealers))

    def _part(self, place: Place, dealer: int) -> Part:
        epoch, position = place
        dealers = self.world * self.accumulate
        indices = self.order.share(epoch, position, dealer, dealers)
        items = []
        for number, index in enumerate(indices):
            # An example drawn more than once in an epoch gets a different seed each time.
            draw = (position, dealer + dealers * number) if self.order.labels is not None else ()
            generator = generator_for(self.order.seed, "example", epoch, index, *draw)
            items.append(self.examples.example(index, generator))
        total = len(self.order.batches(epoch)[position])
        own = len(indices) if dealer < total else 0  # without an item left, another's is repeated
        return Part(self.examples.collate(items), own * self.world / total)


def _ignore_signals(_: int) -> None:
    # The parent decides when to stop; if a worker died first, the last checkpoint could not be written.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Feed:
    """An endless iterator of batches; `close` ends its thread or workers.

    Args:
        examples: The examples.
        order: Their order.
        place: (epoch, position) of the first batch.
        rank: The rank of this process.
        world: The number of processes.
        workers: Worker processes. 0 builds batches in one thread of this process, which suits examples in memory.
        accumulate: Parts of each rank's share of a global batch.
    """

    def __init__(
        self,
        examples: Examples,
        order: DataOrder,
        place: Place,
        *,
        rank: int,
        world: int,
        workers: int = 0,
        accumulate: int = 1,
    ) -> None:
        self._order = order
        self._source = _Places(examples, order, rank, world, accumulate)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._queue: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=2)
        self._loader: Iterator[Batch] | None = None
        if workers:
            loader: Any = DataLoader(
                self._source,
                batch_size=None,
                sampler=_Stream(self._places(place)),
                num_workers=workers,
                # Creating the iterator must not draw from the global generator.
                generator=torch.Generator(),
                worker_init_fn=_ignore_signals,
            )
            self._loader = iter(loader)
        else:
            self._thread = threading.Thread(target=self._work, args=(place,), name="mmzoo-feed", daemon=True)
            self._thread.start()

    def _places(self, place: Place) -> Iterator[Place]:
        while True:
            yield place
            place = self._order.next(*place)

    def _work(self, place: Place) -> None:
        item: Batch | BaseException
        for current in self._places(place):
            try:
                item = self._source[current]
            except BaseException as error:  # handed to the training thread, which raises it
                item = error
            while not self._stop.is_set():
                with suppress(queue.Full):
                    self._queue.put(item, timeout=0.2)
                    break
            if self._stop.is_set() or isinstance(item, BaseException):
                return

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._loader is not None:
            return next(self._loader)
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """End the thread or the workers; an unfinished batch is dropped."""
        self._stop.set()
        self._loader = None
        if self._thread is not None:
            self._thread.join(timeout=10)


class _Stream:
    """A sampler that yields an endless iterator."""

    def __init__(self, places: Iterator[Place]) -> None:
        self._places = places

    def __iter__(self) -> Iterator[Place]:
        return self._places
