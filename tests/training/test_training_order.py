"""The order of the data is a pure function, and every example is seen."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_dummy import Rows, make_rows

from mmzoo.errors import DataError
from mmzoo.training.feed import Feed
from mmzoo.training.order import BatchSize, DataOrder

lengths_strategy = st.lists(st.integers(1, 40), min_size=1, max_size=80)


@settings(deadline=None, max_examples=60)
@given(lengths_strategy, st.booleans(), st.integers(1, 9), st.integers(0, 3))
def test_batches_of_items(lengths: list[int], bucket: bool, size: int, epoch: int) -> None:
    order = DataOrder(lengths, BatchSize(items=size), seed=1, bucket=bucket)
    batches = order.batches(epoch)
    seen = [i for batch in batches for i in batch]
    assert len(seen) == len(set(seen))
    assert len(seen) == (len(lengths) // size * size if len(lengths) >= size else len(lengths))
    assert batches == DataOrder(lengths, BatchSize(items=size), seed=1, bucket=bucket).batches(epoch)


@settings(deadline=None, max_examples=60)
@given(lengths_strategy, st.booleans(), st.integers(1, 120))
def test_batches_of_frames_hold_no_more_than_their_budget(lengths: list[int], bucket: bool, frames: int) -> None:
    batches = DataOrder(lengths, BatchSize(frames=frames), seed=1, bucket=bucket).batches(0)
    assert all(batches)
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= frames


@settings(deadline=None, max_examples=40)
@given(lengths_strategy, st.integers(1, 6), st.integers(1, 5))
def test_ranks_share_each_batch(lengths: list[int], size: int, world: int) -> None:
    order = DataOrder(lengths, BatchSize(items=size), seed=1, bucket=True)
    for position, batch in enumerate(order.batches(0)):
        shares = [order.share(0, position, rank, world) for rank in range(world)]
        assert all(shares)
        assert {i for share in shares for i in share} == set(batch)
        if len(batch) >= world:
            assert sum(map(len, shares)) == len(batch)


def test_seed_and_epoch_change_the_order() -> None:
    orders = [DataOrder([1] * 50, BatchSize(items=5), seed=seed, bucket=False) for seed in (0, 1)]
    assert orders[0].batches(0) != orders[1].batches(0)
    assert orders[0].batches(0) != orders[0].batches(1)


def test_bucketing_pads_less() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(10, 200, (2000,), generator=generator).tolist()

    def padding(bucket: bool) -> float:
        batches = DataOrder(lengths, BatchSize(items=16), seed=0, bucket=bucket).batches(0)
        padded = sum(max(lengths[i] for i in b) * len(b) for b in batches)
        return padded / sum(lengths[i] for b in batches for i in b) - 1

    assert padding(True) < 0.06 < 0.5 < padding(False)


def test_no_examples_is_an_error() -> None:
    with pytest.raises(DataError):
        DataOrder([], BatchSize(items=1), seed=0, bucket=False)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_feed_from_the_middle_gives_the_rest_of_a_feed_from_the_start(workers: int) -> None:
    rows = Rows(make_rows(20))

    def take(place: tuple[int, int], count: int, workers: int) -> list[tuple[tuple[int, int], torch.Tensor]]:
        order = DataOrder(rows.lengths, BatchSize(items=4), seed=3, bucket=True)
        feed = Feed(rows, order, place, rank=0, world=1, workers=workers)
        try:
            return [
                (batch.place, batch.parts[0].tensors["x"].clone()) for batch, _ in zip(feed, range(count), strict=False)
            ]
        finally:
            feed.close()

    whole, rest = take((0, 0), 12, 0), take((1, 2), 5, workers)
    assert [place for place, _ in whole[7:]] == [place for place, _ in rest]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(whole[7:], rest, strict=True))


def test_an_error_in_an_example_reaches_the_training() -> None:
    class Broken(Rows):
        def example(self, index: int, generator: torch.Generator) -> torch.Tensor:
            raise DataError("row 3 is broken")

    rows = Broken(make_rows(8))
    feed = Feed(rows, DataOrder(rows.lengths, BatchSize(items=4), seed=0, bucket=False), (0, 0), rank=0, world=1)
    with pytest.raises(DataError, match="row 3"):
        next(feed)
    feed.close()


def test_an_order_can_be_sent_to_a_worker() -> None:
    order = DataOrder([3, 1, 2], BatchSize(items=2), seed=0, bucket=True)
    assert pickle.loads(pickle.dumps(order)).batches(4) == order.batches(4)


def test_a_fraction_evens_labels_out_in_part() -> None:
    labels = ["common"] * 900 + ["rare"] * 100
    shares = {}
    for balance in (0.5, 1.0):
        order = DataOrder([1] * 1000, BatchSize(items=10), seed=0, bucket=False, labels=labels, balance=balance)
        drawn = [index for epoch in range(20) for batch in order.batches(epoch) for index in batch]
        shares[balance] = sum(labels[index] == "rare" for index in drawn) / len(drawn)
    assert shares == pytest.approx({0.5: 10 / 40, 1.0: 1 / 2}, abs=0.02)


@pytest.mark.parametrize("bucket", [False, True])
def test_labels_come_equally_often_when_asked(bucket: bool) -> None:
    labels = ["common"] * 990 + ["rare"] * 10
    settings = {"seed": 3, "bucket": bucket}
    order = DataOrder([1] * 1000, BatchSize(items=10), labels=labels, **settings)
    drawn = [index for batch in order.batches(0) for index in batch]
    rare = sum(labels[index] == "rare" for index in drawn)
    assert len(drawn) == 1000 and 430 < rare < 570
    assert order.batches(0) == DataOrder([1] * 1000, BatchSize(items=10), labels=labels, **settings).batches(0)
    assert order.batches(0) != order.batches(1)


def test_an_example_drawn_twice_is_another_one_each_time() -> None:
    examples = Rows(make_rows(4))
    order = DataOrder(examples.lengths, BatchSize(items=4), seed=3, bucket=False, labels=["rare", "a", "a", "a"])
    feed = Feed(examples, order, (0, 0), rank=0, world=1)
    drawn = [next(feed).parts[0].tensors["x"] for _ in range(6)]
    feed.close()
    rare = [row for batch in drawn for row in batch if row.argmax() == 0]
    assert len(rare) > 6 and len({tuple(row.tolist()) for row in rare}) == len(rare)
