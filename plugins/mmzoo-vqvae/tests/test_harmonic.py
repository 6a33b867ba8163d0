"""The pitch of tones and of noise, and a pulse train at a given pitch."""

import numpy as np
import pytest
import torch
from mmzoo_vqvae.harmonic import pitch_of, pulse_train

from mmzoo.evaluation.sound import harmonics, pitch
from mmzoo.interfaces import Audio


@pytest.mark.parametrize("hertz", [65, 90, 123.4, 180, 240, 333, 480])
def test_pitch_of_tones(hertz):
    time = torch.arange(16000) / 16000
    tone = sum(torch.sin(2 * torch.pi * hertz * k * time) / k for k in range(1, 9))
    found, voiced = pitch_of(0.2 * tone.unsqueeze(0), 160, 16000)
    assert found.shape == voiced.shape == (1, 100)
    assert voiced[0, 5:-5].all()
    torch.testing.assert_close(found[0, 5:-5], torch.full((90,), float(hertz)), rtol=2e-3, atol=0)


def test_noise_and_silence_are_not_voiced():
    noise = 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(0))
    assert pitch_of(noise, 160, 16000)[1].float().mean() < 0.1
    assert not pitch_of(torch.zeros(1, 1600), 160, 16000)[1].any()


def test_pulses_have_the_pitch_that_was_asked_for():
    asked = 180 + 10 * torch.sin(torch.arange(200) / 20)
    wave = pulse_train(asked.unsqueeze(0), 160, 16000)
    assert wave.shape == (1, 32000)
    audio = Audio((0.01 * wave[0]).numpy().astype(np.float32), 16000)
    found = pitch(audio)
    middles = np.minimum(((np.arange(len(found)) + 0.5) * 256 / 160).astype(int), 199)
    assert np.median(np.abs(found / asked.numpy()[middles] - 1)) < 0.01
    assert harmonics(audio, asked.numpy()[middles]) > 0.8


@pytest.mark.parametrize("base", [110.0, 200.0, 300.0])
def test_pitch_of_a_glide_is_that_of_the_center_of_each_frame(base: float) -> None:
    """At an octave per second it changes by 0.35 % in half a frame, which misplaces harmonics above 2 kHz."""
    time = torch.arange(24000, dtype=torch.float64) / 24000
    pitch = base * 2 ** (time - 0.5)
    phase = 2 * torch.pi * (pitch / 24000).cumsum(0)
    speech = sum(torch.sin(k * phase) / k for k in range(1, 11)).float()
    found, voiced = pitch_of(0.1 * speech.unsqueeze(0), 240, 24000)
    centers = pitch.view(100, 240).mean(1)
    assert voiced[0, 2:-2].all()
    assert abs((found[0] / centers - 1)[2:-2].mean()) < 5e-4
