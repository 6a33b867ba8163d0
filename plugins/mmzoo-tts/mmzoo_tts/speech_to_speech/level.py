"""How loud speech is, and speech at one loudness."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

Samples = np.ndarray[Any, np.dtype[np.float32]]

LEVEL = 0.1
"""The loudness at which models hear and make speech."""
FRAME_S = 0.02
LOUD = 0.9
"""The loudness is that of the frame which this fraction of frames does not exceed, so that pauses do not count."""
SILENT = 1e-5


def loudness(samples: Samples, sample_rate: int) -> float:
    """The RMS of loud frames of 20 ms; at least SILENT."""
    width = min(len(samples), round(FRAME_S * sample_rate))
    frames = samples[: len(samples) // width * width].reshape(-1, width).astype(np.float64)
    return max(SILENT, float(np.quantile(np.sqrt(np.square(frames).mean(1)), LOUD)))


def leveled(samples: Samples, sample_rate: int) -> Samples:
    """The speech at the loudness LEVEL."""
    return samples * np.float32(LEVEL / loudness(samples, sample_rate))


def rising_tone(sample_rate: int) -> torch.Tensor:
    """Half a second of a fixed rising tone in noise, `[1, T]`, for golden outputs."""
    time = torch.arange(sample_rate // 2) / sample_rate
    phase = 2 * torch.pi * (120 * time + 60 * time**2)
    tone = torch.stack([torch.sin(k * phase) / k for k in range(1, 12)]).sum(0)
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    return (0.1 * tone + 0.01 * noise).unsqueeze(0)
