"""Absolute position codes: the formula, and that every place has its own."""

from __future__ import annotations

import math

import pytest
import torch

from mmzoo.nn.sines import grid_sines, sines


def test_formula() -> None:
    code = sines(7, 6, longest=100.0)
    for position in range(7):
        for pair in range(3):
            angle = position * 100.0 ** (-pair / 3)
            assert math.isclose(code[position, pair].item(), math.sin(angle), abs_tol=1e-5)
            assert math.isclose(code[position, 3 + pair].item(), math.cos(angle), abs_tol=1e-5)


@pytest.mark.parametrize("width", [1, 5, 8])
def test_odd_widths_are_filled(width: int) -> None:
    assert sines(4, width).shape == (4, width)
    assert grid_sines(2, 3, width).shape == (6, width)


def test_every_cell_has_a_code_of_its_own() -> None:
    codes = grid_sines(8, 9, 16)
    assert torch.cdist(codes, codes).add(torch.eye(72) * 9).min() > 0.1
    grid = codes.view(8, 9, 16)
    assert torch.equal(grid[3, 0, :8], grid[3, 8, :8])
    assert torch.equal(grid[0, 5, 8:], grid[7, 5, 8:])
