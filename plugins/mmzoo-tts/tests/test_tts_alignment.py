"""Soft alignment: nothing vanishes, everything adds up."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_tts.alignment import POSITION_FEATURES, position_features, soft_overlap

durations = st.lists(st.floats(0.005, 0.5), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(durations)
def test_every_frame_is_filled_and_no_phone_is_lost(seconds):
    ends = torch.tensor([seconds]).cumsum(1)
    frames = torch.tensor([max(1, math.ceil(float(ends[0, -1]) * 40))])
    weights, mask = soft_overlap(ends, torch.ones_like(ends, dtype=torch.bool), frames, 40.0)
    assert weights.shape == (1, int(frames), len(seconds)) and mask.all()
    torch.testing.assert_close(weights.sum(2), torch.ones(1, int(frames)), atol=1e-3, rtol=0)
    share = weights.sum(1)[0]
    torch.testing.assert_close(share[:-1], torch.tensor(seconds)[:-1] * 40, atol=2e-3, rtol=1e-3)
    assert (share > 0).all()


def test_padding_takes_no_part():
    ends = torch.tensor([[0.1, 0.2, 0.0], [0.1, 0.3, 0.4]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    frames = torch.tensor([8, 16])
    weights, frame_mask = soft_overlap(ends, mask, frames, 40.0)
    alone, _ = soft_overlap(ends[:1, :2], mask[:1, :2], frames[:1], 40.0)
    torch.testing.assert_close(weights[:1, :8, :2], alone)
    assert weights[0, :, 2].abs().sum() == 0 and weights[0, 8:].abs().sum() == 0
    assert frame_mask.sum(1).tolist() == [8, 16]


def test_position_runs_from_start_to_end_of_a_phone():
    ends = torch.tensor([[0.25, 0.5]])
    weights, _ = soft_overlap(ends, torch.ones(1, 2, dtype=torch.bool), torch.tensor([20]), 40.0)
    features = position_features(ends, weights, 40.0)
    assert features.shape == (1, 20, POSITION_FEATURES)
    passed = features[0, :, 0]
    assert (passed[1:10] > passed[:9]).all() and passed[10] < passed[9]
    torch.testing.assert_close(features[0, :, 3], torch.full((20,), 2.5), atol=1e-4, rtol=0)
