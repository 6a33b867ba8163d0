"""Previews of a model on a few rows: sounds, their spectrograms, and pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmzoo.interfaces import Audio, HasPreviews, Image, TaskHead
from mmzoo.training.log import RunLog

if TYPE_CHECKING:
    from datasets import Dataset


def spectrogram_picture(audio: Audio, *, decibels: float = 80.0) -> Image:
    """A log-magnitude spectrogram in gray: low frequencies at the bottom, black `decibels` below the peak."""
    samples = torch.from_numpy(np.ascontiguousarray(audio.samples, dtype=np.float32))
    size = 512
    if len(samples) < size:
        samples = torch.nn.functional.pad(samples, (0, size - len(samples)))
    spectrum = torch.stft(samples, size, hop_length=128, window=torch.hann_window(size), return_complex=True).abs()
    level = 20 * torch.log10(spectrum.clamp_min(1e-7))
    level = ((level - level.max()) / decibels + 1).clamp(0, 1)
    gray = (level.flip(0) * 255).to(torch.uint8).numpy()
    return Image(np.repeat(gray[:, :, None], 3, axis=2))


def render_previews(head: TaskHead, rows: Dataset, folder: Path, step: int, log: RunLog) -> None:
    """Write the head's previews of these rows as WAV and PNG to `folder`, and to TensorBoard."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in head.previews(rows) if isinstance(head, HasPreviews) else ():
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".") or "preview"
        picture = spectrogram_picture(value) if isinstance(value, Audio) else value
        if isinstance(value, Audio):
            value.save(folder / f"{stem}.wav")
        picture.save(folder / f"{stem}.png")
        log.preview(step, stem, value, picture)
