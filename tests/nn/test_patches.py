"""Space to depth and back."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.nn.patches import fold, unfold


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_folding_loses_nothing(b: int, h: int, w: int, d: int, side: int) -> None:
    x = torch.randn(b, side * h, side * w, d)
    assert fold(x, side).shape == (b, h, w, side * side * d)
    assert torch.equal(unfold(fold(x, side), side), x)
    assert torch.equal(fold(x, side)[0, 0, 0, :d], x[0, 0, 0])


def test_squares_that_are_not_whole_end_in_zeros() -> None:
    folded = fold(torch.ones(1, 3, 5, 1))
    assert folded.shape == (1, 2, 3, 4) and folded[0, 1, 2].tolist() == [1, 0, 0, 0]
