"""Filters noisy speech by a guess of the clean speech, so that what is heard stays the speaker's own."""

from __future__ import annotations

import numpy as np
import torch

from mmzoo_tts.speech_to_speech.level import Samples

WINDOW_S, HOPS = 0.04, 4
"""Seconds of the STFT window, and hops in it."""
SMOOTH = (5, 3)
"""Frequencies and frames over which powers are averaged."""


def filtered(noisy: Samples, guess: Samples, sample_rate: int, floor_db: float) -> Samples:
    """The noisy speech with each time and frequency attenuated to the magnitude of the guess.

    Args:
        noisy: Samples `[T]`.
        guess: Of the clean speech, at least as long and in time with it.
        sample_rate: In Hz.
        floor_db: The strongest attenuation in dB.
    """
    size = round(WINDOW_S * sample_rate)
    window = torch.hann_window(size, dtype=torch.float32)
    pair = torch.from_numpy(np.stack([noisy, guess[: len(noisy)]]))
    heard, wanted = torch.stft(pair, size, size // HOPS, window=window, return_complex=True)
    powers = torch.stack([heard, wanted]).abs().square().unsqueeze(1)
    smooth = torch.nn.functional.avg_pool2d(powers, SMOOTH, 1, tuple(n // 2 for n in SMOOTH), count_include_pad=False)
    gain = (smooth[1, 0] / smooth[0, 0].clamp_min(1e-12)).sqrt().clamp(10 ** (-floor_db / 20), 1.0)
    made = torch.istft(heard * gain, size, size // HOPS, window=window, length=len(noisy))
    return made.numpy()
