"""A harmonic source for speech decoders: pitch estimation, and a pulse train at a given pitch.

A network that predicts spectra frame by frame must learn, for every pitch, where each harmonic lies and how its phase
advances; above 2 kHz, where both vary rapidly with pitch, it outputs noise. Neural source-filter models (Wang et al.,
arXiv 1904.12088; HiFTNet, Li et al., arXiv 2309.09493) supply both: one phase, integrated from the pitch, drives all
harmonics.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR_HZ, CEILING_HZ = 60.0, 500.0


def pulse_train(pitch_BK: Tensor, hop: int, sample_rate: int) -> Tensor:
    """Pitch in Hz per frame `[B, K]` to a band-limited pulse train `[B, K * hop]` by the closed form of its series.

    The pitch is linear between the centers of frames. The sum of k equal cosines is
    sin((k + 1/2) a) / (2 sin(a / 2)) - 1/2; a last cosine with the fractional part of limit / pitch as its amplitude
    lets harmonics enter and leave below the limit, 0.475 of the sample rate, without a step.
    """
    around = F.pad(pitch_BK.float().unsqueeze(1), (1, 1), mode="replicate").squeeze(1)
    steps = around.diff(dim=1).unsqueeze(-1)
    place = (torch.arange(hop, device=pitch_BK.device) + 0.5) / hop - 0.5  # of each sample, from its frame's center
    slope = torch.where(place < 0, steps[:, :-1], steps[:, 1:])
    pitch = (around[:, 1:-1].unsqueeze(-1) + slope * place).flatten(1)
    cycles = (pitch.double() / sample_rate).cumsum(1)
    angle = (2 * torch.pi * (cycles - cycles.round())).float()  # from -pi to pi
    count = 0.475 * sample_rate / pitch
    whole = count.floor()
    half = (angle / 2).sin()
    near = half.abs() < 1e-4
    series = torch.where(near, whole, ((whole + 0.5) * angle).sin() / (2 * half.masked_fill(near, 1.0)) - 0.5)
    return series + (count - whole) * ((whole + 1) * angle).cos()


@torch.no_grad()
def pitch_of(x_BT: Tensor, hop: int, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Estimate pitch by the normalized cross-correlation of 25 ms windows with later samples.

    Pitch lies between FLOOR_HZ and CEILING_HZ. The first peak of at least 0.92 times the highest one gives the period.

    Args:
        x_BT: Samples, T a multiple of hop.
        hop: Samples per frame.
        sample_rate: Hz.

    Returns:
        Pitch in Hz and whether the frame is voiced, each `[B, T / hop]`.
    """
    width, shortest, longest = sample_rate // 40, int(sample_rate / CEILING_HZ), int(sample_rate / FLOOR_HZ) + 1
    span = width + longest
    left = (span - hop) // 2
    pieces = F.pad(x_BT.float(), (left, span - hop - left)).unfold(1, span, hop)
    size = 1 << (span - 1).bit_length()  # at least the span, so the circular correlation does not wrap around
    product = torch.fft.rfft(pieces[..., :width], size).conj() * torch.fft.rfft(pieces, size)
    dots = torch.fft.irfft(product, size)[..., : longest + 1]
    sums = F.pad(pieces.square().cumsum(-1), (1, 0))
    energy = sums[..., width:] - sums[..., : longest + 1]
    peaks = (dots / (energy * energy[..., :1] + 1e-8).sqrt())[..., shortest - 1 :]
    left_of, here, right_of = peaks[..., :-2], peaks[..., 1:-1], peaks[..., 2:]
    best = here.amax(-1, keepdim=True)
    chosen = (here >= left_of) & (here >= right_of) & (here >= 0.92 * best)
    lag = chosen.to(torch.uint8).argmax(-1, keepdim=True)
    a, b, c = (part.gather(-1, lag).squeeze(-1) for part in (left_of, here, right_of))
    curve = (a - 2 * b + c).clamp(max=-1e-6)
    offset = (0.5 * (a - c) / curve).clamp(-0.5, 0.5)
    period = lag.squeeze(-1) + shortest + offset
    voiced = (b > 0.7) & (energy[..., 0] > width * 1e-5) & chosen.any(-1)
    # What was compared lies before the center of the frame, so a rising pitch would seem too low.
    pitch = sample_rate / period + _slope(sample_rate / period) * (longest - period) / (2 * hop)
    return pitch.clamp(FLOOR_HZ, CEILING_HZ), voiced


def _slope(pitch_BK: Tensor) -> Tensor:
    """The change of pitch to the next frame, else from the previous one, else 0, where the pitch jumps."""
    change = pitch_BK.diff(dim=1)
    change = torch.where(change.abs() < 0.15 * pitch_BK[:, 1:], change, 0.0)
    following, preceding = F.pad(change, (0, 1)), F.pad(change, (1, 0))
    return torch.where(following == 0, preceding, following)
