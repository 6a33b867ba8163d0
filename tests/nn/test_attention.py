"""Attention, rotary positions and norms, against PyTorch's own or formulas written out."""

from __future__ import annotations

from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mmzoo.nn.attention import CrossAttention, SelfAttention, key_mask
from mmzoo.nn.norm import QueryKeyNorm, adaptive_layer_norm
from mmzoo.nn.rope import grid_positions, rotate, rotations

HEADS, WIDTH = 4, 32
M = TypeVar("M", bound=nn.Module)


def randomised(module: M, seed: int = 0) -> M:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return module


def padding_mask(lengths: list[int], count: int) -> Tensor:
    return torch.arange(count) < torch.tensor(lengths).unsqueeze(1)


@pytest.mark.parametrize("masked", [False, True])
def test_self_attention_is_pytorchs(masked: bool) -> None:
    ours = randomised(SelfAttention(WIDTH, HEADS, qk_norm=False))
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.out.weight.data, ours.out.bias.data
    x = torch.randn(3, 7, WIDTH, generator=torch.Generator().manual_seed(1))
    mask = padding_mask([7, 4, 1], 7) if masked else None
    expected, _ = theirs(x, x, x, key_padding_mask=None if mask is None else ~mask)
    torch.testing.assert_close(ours(x, mask_B11N=key_mask(mask)), expected, atol=2e-6, rtol=1e-5)


def test_cross_attention_is_pytorchs() -> None:
    ours = randomised(CrossAttention(WIDTH, HEADS, qk_norm=False))
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    theirs.in_proj_weight.data = torch.cat((ours.query.weight.data, ours.key_value.weight.data))
    theirs.in_proj_bias.data = torch.cat((ours.query.bias.data, ours.key_value.bias.data))
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = ours.out.weight.data, ours.out.bias.data
    x, context = torch.randn(2, 5, WIDTH), torch.randn(2, 9, WIDTH)
    mask = padding_mask([9, 3], 9)
    expected, _ = theirs(x, context, context, key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, ours.keys_values(context), key_mask(mask)), expected, atol=2e-6, rtol=1e-5)


def test_nothing_to_attend_to_gives_the_bias() -> None:
    attention = randomised(CrossAttention(WIDTH, HEADS))
    mask = key_mask(padding_mask([4, 0], 4))
    out = attention(torch.randn(2, 3, WIDTH), attention.keys_values(torch.randn(2, 4, WIDTH)), mask)
    torch.testing.assert_close(out[1], attention.out.bias.expand(3, WIDTH))
    assert not torch.allclose(out[0], attention.out.bias.expand(3, WIDTH))


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4), qk_norm=st.booleans(), seed=st.integers(0, 99))
def test_padding_changes_nothing(lengths: list[int], qk_norm: bool, seed: int) -> None:
    attention = randomised(SelfAttention(WIDTH, HEADS, qk_norm=qk_norm), seed)
    count = max(lengths) + 2
    x = torch.randn(len(lengths), count, WIDTH, generator=torch.Generator().manual_seed(seed))
    rotation = rotations(torch.arange(count).view(1, count, 1), WIDTH // HEADS)
    batch = attention(x, rotation, key_mask(padding_mask(lengths, count)))
    for row, length in enumerate(lengths):
        alone = attention(x[row : row + 1, :length], rotation[:, :length])
        torch.testing.assert_close(batch[row, :length], alone[0], atol=1e-5, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)))
def test_without_positions_order_does_not_matter_and_with_them_it_does(order: list[int]) -> None:
    attention = randomised(SelfAttention(WIDTH, HEADS))
    x = torch.randn(1, 6, WIDTH, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(attention(x[:, order]), attention(x)[:, order], atol=1e-5, rtol=1e-5)
    rotation = rotations(torch.arange(6).view(1, 6, 1), WIDTH // HEADS)
    # shuffling tokens together with their positions is still the same set of tokens
    moved = attention(x[:, order], rotation[:, order])
    torch.testing.assert_close(moved, attention(x, rotation)[:, order], atol=1e-5, rtol=1e-5)
    if list(order) != sorted(order):
        assert not torch.allclose(attention(x[:, order], rotation), attention(x, rotation)[:, order], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    axes=st.sampled_from([1, 2]),
    places=st.lists(st.floats(-200, 200, width=32), min_size=6, max_size=6),
    seed=st.integers(0, 99),
)
def test_rope_depends_on_differences_only(axes: int, places: list[float], seed: int) -> None:
    a, b, move = torch.tensor(places).view(3, 1, 1, 2)[..., :axes]
    q, k = torch.randn(2, 1, 1, 1, 16, generator=torch.Generator().manual_seed(seed))

    def score(q_at: Tensor, k_at: Tensor) -> Tensor:
        return (rotate(q, rotations(q_at, 16)) * rotate(k, rotations(k_at, 16))).sum()

    torch.testing.assert_close(score(a, b), score(a + move, b + move), atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(rotate(q, rotations(a, 16)).norm(), q.norm(), atol=1e-5, rtol=1e-5)


def test_rope_is_the_papers_rotation() -> None:
    positions = torch.tensor([[[0.0], [1.0], [5.5]]])
    x = torch.randn(1, 3, 2, 8)
    out = rotate(x, rotations(positions, 8))
    for n, position in enumerate((0.0, 1.0, 5.5)):
        for pair in range(4):
            angle = torch.tensor(position * 10000 ** (-2 * pair / 8))
            a, b = x[0, n, :, 2 * pair], x[0, n, :, 2 * pair + 1]
            torch.testing.assert_close(out[0, n, :, 2 * pair], a * angle.cos() - b * angle.sin(), atol=1e-6, rtol=1e-5)
            torch.testing.assert_close(
                out[0, n, :, 2 * pair + 1], a * angle.sin() + b * angle.cos(), atol=1e-6, rtol=1e-5
            )


def test_rope_2d_turns_half_the_channels_by_row_and_half_by_column() -> None:
    grid = grid_positions(2, 3)
    assert grid[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    turned = rotations(grid, 16)
    torch.testing.assert_close(turned[0, :3, :4], torch.ones(3, 4, dtype=torch.complex64))
    torch.testing.assert_close(turned[0, [0, 3], 4:], torch.ones(2, 4, dtype=torch.complex64))
    torch.testing.assert_close(turned[0, 4, :4], turned[0, 4, 4:])


def test_rope_refuses_a_head_that_does_not_divide() -> None:
    with pytest.raises(ValueError, match=r"\b4\b"):
        rotations(torch.zeros(1, 1, 2), 6)
    with pytest.raises(ValueError, match="heads"):
        SelfAttention(10, 3)


def test_rope_keeps_the_dtype() -> None:
    x = torch.randn(1, 3, 4, 8, dtype=torch.bfloat16)
    assert rotate(x, rotations(torch.zeros(1, 3, 1), 8)).dtype == torch.bfloat16


def test_qk_norm_makes_logits_blind_to_scale() -> None:
    attention = randomised(SelfAttention(WIDTH, HEADS))
    x = torch.randn(2, 5, WIDTH)
    before = attention(x)
    with torch.no_grad():
        attention.qkv.weight[: 2 * WIDTH] *= 50
        attention.qkv.bias[: 2 * WIDTH] *= 50
    torch.testing.assert_close(attention(x), before, atol=1e-4, rtol=1e-4)


def test_qk_norm_is_rms_norm_each_with_its_weight() -> None:
    norm = randomised(QueryKeyNorm(8))
    qk = torch.randn(2, 3, 2, HEADS, 8)
    q, k = qk.unbind(2)
    expected_q = q / (q.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight[0, 0]
    expected_k = k / (k.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight[1, 0]
    torch.testing.assert_close(norm(qk), torch.stack((expected_q, expected_k), 2))
    torch.testing.assert_close(norm.query(q), expected_q)
    torch.testing.assert_close(norm.key(k), expected_k)


def test_adaptive_norm_is_the_same_in_one_pass_and_in_two() -> None:
    x, shift, factor = torch.randn(3, 5, 8), torch.randn(1, 1, 8), torch.randn(1, 1, 8)
    expected = F.layer_norm(x, (8,), eps=1e-6) * factor + shift
    torch.testing.assert_close(adaptive_layer_norm(x, shift, factor), expected)
    each = adaptive_layer_norm(x, shift.expand(3, 1, 8), factor.expand(3, 1, 8))
    torch.testing.assert_close(each, expected)
