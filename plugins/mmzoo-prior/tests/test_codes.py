"""Grouped codes, the delay pattern, drawing, and the two orders."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_prior.grouped import ABSENT, Delay, GroupedCodes
from mmzoo_prior.orders import Causal, Masked, Request, revealed
from mmzoo_prior.sampling import Choice, checked_choice, draw, gumbel, narrowed
from mmzoo_prior.transformer import CausalTransformer, MaskedTransformer

from mmzoo.errors import InputError
from mmzoo.interfaces import Condition, Latents

SIZES = (7, 5, 5)


def positions(first, count):
    return torch.arange(first, first + count).float().view(1, count, 1)


def generators(count, seed=0):
    return [torch.Generator().manual_seed(seed + i) for i in range(count)]


def order(kind, *, ends=True, step=1, longest=6):
    torch.manual_seed(1)
    grouped = GroupedCodes(SIZES, 8, ends=ends)
    backbone = CausalTransformer if kind is Causal else MaskedTransformer
    built = backbone(width=16, depth=1, heads=2, in_channels=8).eval()
    if kind is Causal:
        return Causal(built, grouped, Delay(len(SIZES), step))
    return Masked(built, grouped, longest if ends else None)


def request(count, length=6, given=None):
    given = torch.full((count, 0, len(SIZES)), ABSENT) if given is None else given
    return Request(Condition(), None, length, given, positions)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 3))
def test_the_delay_is_undone(books, count, step):
    codes = torch.arange(2 * count * books).view(2, count, books)
    delayed = Delay(books, step).apply(codes)
    assert delayed.shape[1] == count + (books - 1) * step
    assert torch.equal(Delay(books, step).undo(delayed), codes)
    assert sorted(delayed[delayed != ABSENT].tolist()) == sorted(codes.flatten().tolist())
    assert all(delayed[0, q * step, q] == codes[0, 0, q] for q in range(books))


def test_embeddings_are_sums_and_absent_codes_have_their_own():
    grouped = GroupedCodes(SIZES, 8, ends=True)
    assert grouped.counts == (8, 5, 5) and grouped.end == 7 and len(grouped.table) == 9 + 6 + 6
    rows = grouped.table.detach()
    codes = torch.tensor([[[7, 0, ABSENT]]])
    torch.testing.assert_close(grouped.embed(codes)[0, 0], rows[7] + rows[9] + rows[9 + 6 + 5])
    assert [logits.shape[-1] for logits in grouped.logits(torch.randn(1, 2, 8))] == [8, 5, 5]


def test_absent_targets_do_not_count():
    grouped = GroupedCodes(SIZES, 8, ends=False)
    vectors = torch.randn(1, 3, 8)
    targets = torch.tensor([[[1, 2, 3], [ABSENT, 0, ABSENT], [ABSENT] * 3]])
    sums, counts = grouped.losses(vectors, targets)
    assert counts.tolist() == [1, 2, 1]
    torch.testing.assert_close(sums[0], -grouped.logits(vectors)[0][0, 0].log_softmax(-1)[1])


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (Choice(), {0, 1, 2, 3}),
        (Choice(top_k=1), {0}),
        (Choice(top_k=2), {0, 1}),
        (Choice(top_k=9), {0, 1, 2, 3}),
        (Choice(top_p=0.0), {0}),
        (Choice(top_p=0.5), {0}),
        (Choice(top_p=0.51), {0, 1}),
        (Choice(top_p=1.0), {0, 1, 2, 3}),
        (Choice(top_k=2, top_p=0.99), {0, 1}),
    ],
)
def test_what_top_k_and_top_p_leave(choice, left):
    logits = torch.tensor([0.5, 0.25, 0.15, 0.1]).log()
    assert set(narrowed(logits, choice).isfinite().nonzero().flatten().tolist()) == left
    noise = gumbel((200, 4), generators(1), logits.device)[0]
    assert set(draw(logits.expand(200, 4), noise, choice).tolist()) == left


def test_temperature():
    logits = torch.tensor([1.0, 2.0, 1.5])
    noise = torch.full((3,), 0.0)
    noise[0] = 100.0
    assert int(draw(logits, noise, Choice(temperature=0))) == 1
    assert int(draw(logits, noise, Choice(temperature=1))) == 0
    drawn = draw(logits.expand(4000, 3), gumbel((4000, 3), generators(1), logits.device)[0], Choice(temperature=0.5))
    share = torch.bincount(drawn, minlength=3) / 4000
    torch.testing.assert_close(share, (2 * logits).softmax(-1), atol=0.03, rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": "hot"}, {"top_k": 0}, {"top_p": 1.5}, {"guidance": -1}, {"steps": 0}],
)
def test_bad_options(wrong):
    good = {"temperature": 1, "top_k": None, "top_p": 1, "guidance": 1, "steps": 4}
    assert checked_choice(**good) == Choice(steps=4)
    with pytest.raises(InputError, match=next(iter(wrong))):
        checked_choice(**{**good, **wrong})


@pytest.mark.parametrize("kind", [Causal, Masked])
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_batch_is_its_items(kind, ends, step):
    some = order(kind, ends=ends, step=step)
    together = some.sample(request(3), Choice(steps=3), generators(3))
    for index, codes in enumerate(together):
        (alone,) = some.sample(request(1), Choice(steps=3), generators(1, index))
        assert torch.equal(codes, alone)
        assert 1 <= len(codes) <= 6 and (ends or len(codes) == 6)
        assert (codes >= 0).all() and (codes[:, 0] < SIZES[0]).all()


@pytest.mark.parametrize("kind", [Causal, Masked])
def test_temperature_0_has_one_result(kind):
    some = order(kind)
    first, second = some.sample(request(2), Choice(temperature=0, steps=3), generators(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", [Causal, Masked])
def test_what_is_given_stays(kind):
    given = torch.tensor([[[1, 2, 3], [4, 0, 1]], [[5, 5 - 1, 0], [ABSENT] * 3]])
    first, second = order(kind).sample(request(2, given=given), Choice(steps=3), generators(2))
    assert torch.equal(first[:2], given[0]) and torch.equal(second[:1], given[1, :1])


def test_the_past_that_was_trained_is_the_past_that_is_sampled():
    """Teacher forcing on what was drawn at temperature 0 finds each code to be the most probable one."""
    some = order(Causal, ends=False)
    (codes,) = some.sample(request(1), Choice(temperature=0), generators(1))
    delayed = some.delay.apply(codes.unsqueeze(0))
    inputs = torch.nn.functional.pad(delayed, (0, 0, 1, 0), value=ABSENT)[:, :-1]
    vectors = some.backbone(Latents(some.grouped.embed(inputs), positions=positions(0, 8)), None, Condition())
    best = torch.stack([logits.argmax(-1) for logits in some.grouped.logits(vectors)], -1)
    assert torch.equal(torch.where(delayed == ABSENT, ABSENT, best), delayed)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 60))
def test_the_schedule_reveals_all_and_never_less(steps, count):
    known = [revealed(step, steps, count) for step in range(steps + 1)]
    assert known[0] == 0 and known[-1] == count and known == sorted(known)


def test_each_place_is_filled_once():
    """Of 18 places, every step fills some for the first time, and those stay."""
    some, seen = order(Masked, ends=False), []
    plain = some.grouped.embed
    some.grouped.embed = lambda codes: (seen.append(codes.clone()), plain(codes))[1]
    (final,) = some.sample(request(1), Choice(steps=5), generators(1))
    seen.append(final.unsqueeze(0))
    for before, after in itertools.pairwise(seen):
        known = before != ABSENT
        assert torch.equal(after[known], before[known])
        assert (after != ABSENT).sum() > known.sum()
    assert (final != ABSENT).all()


@pytest.mark.parametrize("kind", [Causal, Masked])
def test_padding_is_not_learned(kind):
    codes = torch.randint(0, 5, (2, 4, 3), generator=torch.Generator().manual_seed(0))
    codes[1, 2:] = ABSENT
    some = order(kind)
    sums, counts = some.losses(codes, Condition(), positions, torch.Generator().manual_seed(0))
    if kind is Causal:
        assert counts.tolist() == [4 + 2 + 2, 6, 6]  # with the end of both
        alone = [
            some.losses(codes[i : i + 1, :n], Condition(), positions, torch.Generator()) for i, n in ((0, 4), (1, 2))
        ]
        torch.testing.assert_close(sums, alone[0][0] + alone[1][0], rtol=1e-4, atol=1e-4)
    assert sums.isfinite().all() and float(sums.detach().sum() / counts.sum()) == pytest.approx(math.log(6), abs=1)
