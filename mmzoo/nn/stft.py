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
    left, repeats = (window - hop) // 2, window // hop
    if window % hop or repeats > 16 or frames_BKW.requires_grad:  # the gradient of `fold` is the faster one
        total = (count - 1) * hop + window
        folded = F.fold(frames_BKW.transpose(1, 2), (1, total), (1, window), stride=(1, hop))
        return folded.reshape(batch, total)[:, left : left + count * hop]
    # Part r of frame k lies in hop k + r. Adding these rows takes a seventh of the time of `fold`.
    parts = frames_BKW.reshape(batch, count, repeats, hop)
    summed = parts.new_zeros(batch, count + repeats - 1, hop)
    for shift in range(repeats):
        summed[:, shift : shift + count] += parts[:, :, shift]
    return summed.flatten(1)[:, left : left + count * hop]


class STFT(Float32Buffers):
    """STFT with a Hann window; `window`, which is also the FFT size, and `hop` are in samples."""

    hann: Tensor
    envelope: Tensor

    def __init__(self, window: int, hop: int) -> None:
        super().__init__()
        if not 1 <= hop <= window:
            raise ValueError(f"hop must be from 1 to window, {window}, not {hop}.")
        self.window, self.hop, self.edge = window, hop, -(-window // hop)
        self.register_buffer("hann", torch.hann_window(window), persistent=False)
        self.register_buffer("envelope", self._weights(2 * self.edge + 1), persistent=False)

    def reset_parameters(self) -> None:
        """Recompute the window and its envelope (they are not stored in weights)."""
        self.hann = torch.hann_window(self.window, device=self.hann.device)
        self.envelope = self._weights(2 * self.edge + 1)

    def forward(self, x_BT: Tensor) -> Tensor:
        """Samples `[B, T]` to a complex spectrum `[B, T / hop, window // 2 + 1]`."""
        spectrum: Tensor = torch.fft.rfft(frames(x_BT.float(), self.window, self.hop) * self.hann)
        return spectrum

    def inverse(self, spectrum_BKF: Tensor, mask_BK: Tensor | None = None) -> Tensor:
        """Least-squares inverse (Griffin and Lim 1984, eq. 6) from frames `[B, K, F]` to samples `[B, K * hop]`.

        Frames outside the mask are left out of the sums, so a padded batch gives the same samples as single items.
        """
        pieces = torch.fft.irfft(spectrum_BKF, n=self.window) * self.hann
        if mask_BK is None:
            return overlap_add(pieces, self.hop) / self._sums(pieces.shape[1]).clamp_min(1e-8)
        weights = overlap_add(self.hann.square() * mask_BK.unsqueeze(-1), self.hop)
        samples = overlap_add(pieces * mask_BK.unsqueeze(-1), self.hop) / weights.clamp_min(1e-8)
        return samples * mask_BK.repeat_interleave(self.hop, dim=1)

    def _weights(self, count: int) -> Tensor:
        """The squared windows of `count` frames, summed, `[1, count * hop]`."""
        return overlap_add(self.hann.square().expand(1, count, -1), self.hop)

    def _sums(self, count: int) -> Tensor:
        """The same, but the hops between the first and the last `edge` ones, which are equal, are repeated."""
        repeats = count - 2 * self.edge
        if torch.compiler.is_compiling() or repeats < 1:  # an exported graph must not depend on the count
            return self._weights(count)
        edge = self.edge * self.hop
        first, middle, last = torch.split(self.envelope, [edge, self.hop, edge], dim=1)
        return torch.cat((first, middle.repeat(1, repeats), last), dim=1)
