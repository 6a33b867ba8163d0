"""The source-filter decoder: its pulse train, its noise, and what it makes of them."""

import pytest
import torch
from mmzoo_vqvae.harmonic import pulse_train
from mmzoo_vqvae.source_filter import NOISE_FRAMES, SourceFilterAutoencoder

from mmzoo.interfaces import Latents


@pytest.mark.parametrize("hertz", [60.0, 101.7, 250.0, 500.0])
def test_a_pulse_train_is_the_sum_of_its_harmonics(hertz):
    wave = pulse_train(torch.full((1, 40), hertz), 240, 24000)[0]
    angle = 2 * torch.pi * hertz * (torch.arange(9600, dtype=torch.float64) + 1) / 24000
    count = 0.475 * 24000 / hertz
    expected = sum((k * angle).cos() for k in range(1, int(count) + 1))
    expected = expected + (count - int(count)) * ((int(count) + 1) * angle).cos()
    torch.testing.assert_close(wave.double(), expected, atol=0.05, rtol=0)


def test_a_gliding_pulse_train_does_not_alias():
    glide = torch.linspace(100, 300, 200)
    power = torch.fft.rfft(pulse_train(glide.unsqueeze(0), 240, 24000)[0].double()).abs().square()
    assert power[-len(power) // 25 :].sum() < 1e-3 * power.sum()


def decoder():
    torch.manual_seed(0)
    sizes = {"dim": 8, "width": 24, "depth": 1, "latent_depth": 1, "decoder_width": 24, "decoder_depth": 1}
    return SourceFilterAutoencoder(**sizes).eval()


def test_a_padded_batch_decodes_like_its_items():
    model, z = decoder(), torch.randn(2, 30, 8)
    mask = torch.arange(30) < torch.tensor([[17], [30]])
    together, alone = model.decode(Latents(z, mask)), model.decode(Latents(z[:1, :17]))
    torch.testing.assert_close(together[:1, : 17 * 480], alone, atol=1e-5, rtol=1e-4)
    assert (together[0, 17 * 480 :] == 0).all()


def test_a_given_pitch_replaces_the_predicted_one_where_voiced():
    model, z = decoder(), torch.randn(1, 30, 8)
    with torch.no_grad():
        (sound,), log_pitch = model.synthesize(Latents(z))
        assert log_pitch.shape == (1, 60)
        predicted, asked = log_pitch.exp(), torch.full((1, 60), 333.0)
        (same,), _ = model.synthesize(Latents(z), asked, torch.zeros(1, 60, dtype=torch.bool))
        (other,), _ = model.synthesize(Latents(z), asked, torch.ones(1, 60, dtype=torch.bool))
    assert (predicted >= 60).all() and (predicted <= 500).all()
    torch.testing.assert_close(same, sound)
    assert (other - sound).abs().max() > 1e-4


def test_the_noise_is_white_fixed_and_repeats():
    noise = decoder().noise
    frames = noise(2 * NOISE_FRAMES)
    torch.testing.assert_close(frames[:NOISE_FRAMES], frames[NOISE_FRAMES:])
    torch.testing.assert_close(noise(10, start=NOISE_FRAMES - 5), frames[NOISE_FRAMES - 5 : NOISE_FRAMES + 5])
    power = frames[:NOISE_FRAMES, 5:-5].abs().square().mean(0)
    assert abs(float(power.mean()) - 1) < 0.05 and float(power.min()) > 0.5
