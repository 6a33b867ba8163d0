"""Patches as channels and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.nn.patches import fold, unfold


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_folding_is_pixel_unshuffle_in_another_order(b: int, h: int, w: int, d: int, patch: int) -> None:
    x = torch.randn(b, patch * h, patch * w, d)
    folded = fold(x, patch)
    theirs = F.pixel_unshuffle(x.movedim(-1, 1), patch).movedim(1, -1)  # channels (d, row, column)
    assert torch.equal(folded, theirs.unflatten(-1, (d, patch * patch)).transpose(-1, -2).flatten(-2))
    assert torch.equal(unfold(folded, patch), x)


def test_incomplete_patches_end_in_zeros() -> None:
    folded = fold(torch.ones(1, 3, 5, 1))
    assert folded.shape == (1, 2, 3, 4) and folded[0, 1, 2].tolist() == [1, 0, 0, 0]
