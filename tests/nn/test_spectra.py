"""STFT, mel filters and ConvNeXt blocks."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.nn.convnext import ConvNeXtStack, DepthwiseConv1d
from mmzoo.nn.mel import LogMel, mel_filterbank
from mmzoo.nn.stft import STFT, frames, overlap_add


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([(640, 200), (1024, 256), (512, 128), (400, 200)]), st.integers(4, 30))
def test_inverse_returns_the_signal(shape, count):
    window, hop = shape
    stft = STFT(window, hop)
    x = torch.randn(2, count * hop)
    spectrum = stft(x)
    assert spectrum.shape == (2, count, window // 2 + 1)
    torch.testing.assert_close(stft.inverse(spectrum), x, atol=1e-4, rtol=1e-4)


def test_padded_batch_inverts_like_single_items():
    stft = STFT(640, 200)
    spectra = [stft(torch.randn(1, n * 200)) for n in (7, 12)]
    batch = torch.randn(2, 12, 321, dtype=torch.complex64)
    batch[0, :7], batch[1] = spectra[0][0], spectra[1][0]
    mask = torch.arange(12) < torch.tensor([[7], [12]])
    together = stft.inverse(batch, mask)
    torch.testing.assert_close(together[0, : 7 * 200], stft.inverse(spectra[0])[0])
    torch.testing.assert_close(together[1], stft.inverse(spectra[1])[0])
    assert (together[0, 7 * 200 :] == 0).all()


def test_spectrum_agrees_with_torch():
    x = torch.randn(1, 10 * 200)
    padded = torch.nn.functional.pad(x, (220, 220))
    expected = torch.stft(padded, 640, 200, window=torch.hann_window(640), center=False, return_complex=True)
    torch.testing.assert_close(STFT(640, 200)(x)[0], expected[0].T, atol=1e-4, rtol=1e-4)


def test_overlap_add_is_the_transpose_of_framing():
    x, y = torch.randn(1, 8 * 50), torch.randn(1, 8, 160)
    torch.testing.assert_close((frames(x, 160, 50) * y).sum(), (x * overlap_add(y, 50)).sum(), atol=1e-3, rtol=1e-4)


def test_a_tone_lands_in_its_mel_band():
    filters = mel_filterbank(513, 16000, 80)
    assert filters.shape == (513, 80) and (filters.sum(0) > 0).all()
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(16000) / 16000).unsqueeze(0)
    band = LogMel(sample_rate=16000, window=1024, hop=256, bands=80)(tone[:, : 62 * 256])[0].mean(0).argmax()
    assert abs(int(filters[64].argmax()) - int(band)) <= 1


def test_depthwise_convolution_agrees_with_conv1d():
    layer = DepthwiseConv1d(6, 5)
    x = torch.randn(2, 9, 6)
    expected = torch.nn.functional.conv1d(x.mT, layer.weight.squeeze(2), layer.bias, padding=2, groups=6).mT
    torch.testing.assert_close(layer(x), expected)


def test_masked_positions_do_not_reach_real_ones():
    stack = ConvNeXtStack(8, 3).eval()
    short = torch.randn(1, 5, 8)
    long = torch.cat((short, 50 * torch.randn(1, 6, 8)), 1)
    mask = torch.arange(11).unsqueeze(0) < 5
    torch.testing.assert_close(stack(long, mask)[:, :5], stack(short), atol=1e-5, rtol=1e-5)


def test_even_kernels_are_refused():
    with pytest.raises(ValueError):
        DepthwiseConv1d(4, 4)


@pytest.mark.parametrize(("window", "hop"), [(960, 240), (640, 200), (12, 4), (9, 2), (4, 4), (5, 1)])
def test_the_fast_paths_of_the_inverse_equal_the_definition(window: int, hop: int):
    stft, left = STFT(window, hop), (window - hop) // 2
    for count in (1, 2, 3, 7, 9, 20):
        spectrum = stft(torch.randn(2, count * hop))
        pieces = torch.fft.irfft(spectrum, n=window) * stft.hann
        total = torch.zeros(2, (count - 1) * hop + window)
        weight = torch.zeros((count - 1) * hop + window)
        for k in range(count):
            total[:, k * hop : k * hop + window] += pieces[:, k]
            weight[k * hop : k * hop + window] += stft.hann.square()
        expected = (total / weight.clamp_min(1e-8))[:, left : left + count * hop]
        torch.testing.assert_close(stft.inverse(spectrum), expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(stft.inverse(spectrum.requires_grad_()), expected, atol=1e-6, rtol=1e-5)
