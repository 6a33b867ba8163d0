"""Short-time Fourier transform with exactly samples / hop frames.

Frame k is centered on sample (k + 1/2) * hop, because the signal is padded by (window - hop) / 2 zeros on each side.
The transform and its inverse use the same alignment.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.nn.precise import Float32Buffers


def frames(x_BT: Tensor, window: int, hop: int) -> Tensor:
    """Split `[B, T]`, T a multiple of hop, into overlapping frames `[B, T / hop, window]`."""
    left = (window - hop) // 2
    return F.pad(x_BT, (left, window - hop - left)).unfold(1, window, hop)


def overlap_add(frames_BKW: Tensor, hop: int) -> Tensor:
    """Sum overlapping frames `[B, K, window]` to `[B, K * hop]`."""
    batch, count, window = frames_BKW.shape
    left = (window - hop) // 2
    total = (count - 1) * hop + window
    summed = F.fold(frames_BKW.transpose(1, 2), (1, total), (1, window), stride=(1, hop))
    return summed.reshape(batch, total)[:, left : left + count * hop]


class STFT(Float32Buffers):
    """STFT with a Hann window; `window`, which is also the FFT size, and `hop` are in samples."""

    hann: Tensor

    def __init__(self, window: int, hop: int) -> None:
        super().__init__()
        if not 1 <= hop <= window:
            raise ValueError(f"hop must be from 1 to window, {window}, not {hop}.")
        self.window, self.hop = window, hop
        self.register_buffer("hann", torch.hann_window(window), persistent=False)

    def reset_parameters(self) -> None:
        """Recompute the window (it is not stored in weights)."""
        self.hann = torch.hann_window(self.window, device=self.hann.device)

    def forward(self, x_BT: Tensor) -> Tensor:
        """Samples `[B, T]` to a complex spectrum `[B, T / hop, window // 2 + 1]`."""
        spectrum: Tensor = torch.fft.rfft(frames(x_BT.float(), self.window, self.hop) * self.hann)
        return spectrum

    def inverse(self, spectrum_BKF: Tensor, mask_BK: Tensor | None = None) -> Tensor:
        """Least-squares inverse (Griffin and Lim 1984, eq. 6) from frames `[B, K, F]` to samples `[B, K * hop]`.

        Frames outside the mask are left out of the sums, so a padded batch gives the same samples as single items.
        """
        pieces = torch.fft.irfft(spectrum_BKF, n=self.window) * self.hann
        weight = self.hann.square().expand(1, spectrum_BKF.shape[1], -1)
        if mask_BK is not None:
            pieces = pieces * mask_BK.unsqueeze(-1)
            weight = weight * mask_BK.unsqueeze(-1)
        samples = overlap_add(pieces, self.hop) / overlap_add(weight, self.hop).clamp_min(1e-8)
        if mask_BK is not None:
            samples = samples * mask_BK.repeat_interleave(self.hop, dim=1)
        return samples
