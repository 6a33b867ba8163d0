"""SEANet, the convolutional waveform autoencoder of SoundStream and EnCodec.

The architecture follows EnCodec (Défossez et al., arXiv 2210.13438, section 3.1; SEANet: Tagliasacchi et al., arXiv
2009.02095). Internal tensors are `[B, D, T]`. Each item is reflection-padded at its own end, as if it were alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Size


class SEANet(ModalityEncoder):
    """Speech `[B, T]` to latents `[B, ceil(T / prod(ratios)), dim]`, and back.

    Args:
        dim: Width of the latents.
        sample_rate: Hz.
        ratios: Strides of the decoder; the encoder has them in reverse order.
        width: Channels at the sample rate; every stride doubles them.
        kernel: Kernel size of the first convolution of encoder and decoder.
        last_kernel: Kernel size of the last convolution of encoder and decoder.
        residual_kernel: Kernel size in residual blocks.
        residuals: Residual blocks per stride.
        dilation: Residual block i has dilation `dilation ** i`.
        compression: Factor by which the hidden layer of a residual block is narrower.
        shortcut: Whether skip connections have a convolution.
        lstm_layers: Layers of the LSTMs next to the latents; 0 for none.
        causal: Whether no latent depends on later samples.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        dim: Size = 128,
        sample_rate: Size = 24000,
        ratios: Sequence[Size] = (8, 5, 4, 2),
        width: Size = 32,
        kernel: Size = 7,
        last_kernel: Size = 7,
        residual_kernel: Size = 3,
        residuals: Count = 1,
        dilation: Size = 2,
        compression: Size = 2,
        shortcut: bool = True,
        lstm_layers: Count = 2,
        causal: bool = True,
    ) -> None:
        super().__init__()
        if not ratios or min(ratios) < 1 or min(kernel, last_kernel, residual_kernel) < 1:
            raise ConfigTypeError("encoder: ratios and kernels must be 1 or more.", path="ratios")
        self.sample_rate, self.ratios = sample_rate, tuple(ratios)
        inner = width * 2 ** len(ratios)

        def blocks(channels: int) -> nn.ModuleList:
            return nn.ModuleList(
                ResidualBlock(channels, residual_kernel, dilation**i, compression, shortcut, causal)
                for i in range(residuals)
            )

        widths = [width * 2**i for i in range(len(ratios))]
        self.from_samples = Conv(1, width, kernel, causal=causal)
        self.blocks_in = nn.ModuleList(blocks(channels) for channels in widths)
        self.down = nn.ModuleList(
            Conv(channels, 2 * channels, 2 * ratio, stride=ratio, causal=causal)
            for channels, ratio in zip(widths, reversed(self.ratios), strict=True)
        )
        self.memory_in = nn.LSTM(inner, inner, lstm_layers, batch_first=True) if lstm_layers else None
        self.to_latent = Conv(inner, dim, last_kernel, causal=causal)

        self.from_latent = Conv(dim, inner, kernel, causal=causal)
        self.memory_out = nn.LSTM(inner, inner, lstm_layers, batch_first=True) if lstm_layers else None
        self.up = nn.ModuleList(
            TransposedConv(2 * channels, channels, ratio, causal=causal)
            for channels, ratio in zip(reversed(widths), self.ratios, strict=True)
        )
        self.blocks_out = nn.ModuleList(blocks(channels) for channels in reversed(widths))
        self.to_samples = Conv(width, 1, last_kernel, causal=causal)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in; latents of width `dim` out, and the same back."""
        speech = Port(modality="speech", sample_rate=config["sample_rate"])
        latent = Port(width=config["dim"], rate=config["sample_rate"] / math.prod(config["ratios"]))
        return Ports(inputs={"raw": speech, "z": latent}, outputs={"latents": latent, "raw": speech})

    @property
    def samples_per_latent(self) -> int:
        """Samples per latent."""
        return math.prod(self.ratios)

    @property
    def rate(self) -> float:
        """Latents per second."""
        return self.sample_rate / self.samples_per_latent

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]` to latents; items are reflection-padded to a multiple of `samples_per_latent`."""
        lengths = None if mask is None else mask.sum(1)
        raw = raw if mask is None else raw.masked_fill(~mask, 0.0)
        x = raw.unsqueeze(1).to(self.from_samples.bias.dtype)
        x, lengths = self.from_samples(x, lengths)
        for blocks, down in zip(self.blocks_in, self.down, strict=True):
            x, lengths = down(F.elu(_apply(blocks, x, lengths)), lengths)
        x, lengths = self.to_latent(F.elu(_lstm(self.memory_in, x)), lengths)
        latent_mask = None if lengths is None else _mask(lengths, x.shape[2])
        return Latents(x.transpose(1, 2).float(), latent_mask, rate=self.rate, modality="speech")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to samples `[B, N * samples_per_latent]`, zero outside the mask."""
        lengths = None if latents.mask is None else latents.mask.sum(1)
        x = latents.x.transpose(1, 2)
        x, lengths = self.from_latent(x, lengths)
        x = _lstm(self.memory_out, x)
        for up, blocks in zip(self.up, self.blocks_out, strict=True):
            x, lengths = up(F.elu(x), lengths)
            x = _apply(blocks, x, lengths)
        x, lengths = self.to_samples(F.elu(x), lengths)
        samples: Tensor = x.squeeze(1).float()
        return samples if lengths is None else samples * _mask(lengths, samples.shape[1])


# --- layers ------------------------------------------------------------------------------------------


class NormedKernel(nn.Module):
    """Weight normalization of a convolution (Salimans and Kingma, arXiv 1602.07868), and its bias.

    Args:
        first: First dimension of the weights, each index of which has its own gain.
        second: Second dimension.
        kernel: Kernel size.
        bias: Size of the bias.
    """

    def __init__(self, first: int, second: int, kernel: int, bias: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(first, second, kernel))
        self.gain = nn.Parameter(torch.empty(first, 1, 1))
        self.bias = nn.Parameter(torch.empty(bias))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialize as torch's convolutions do; gains equal the norms, so that nothing is rescaled at first."""
        bound = 1 / math.sqrt(self.direction[0].numel())
        with torch.no_grad():
            self.direction.uniform_(-bound, bound)
            self.gain.copy_(self._norms())
            self.bias.uniform_(-bound, bound)

    def _norms(self) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(self.direction, dim=(1, 2), keepdim=True)
        return norms

    @property
    def weight(self) -> Tensor:
        """The normalized weights `[first, second, kernel]`."""
        return self.direction * (self.gain / self._norms())


class Conv(NormedKernel):
    """A convolution from T to ceil(T / stride) frames, with reflection padding."""

    def __init__(
        self, channels: int, width: int, kernel: int, *, stride: int = 1, dilation: int = 1, causal: bool = True
    ) -> None:
        super().__init__(width, channels, kernel, width)
        self.stride, self.dilation = stride, dilation
        padding = (kernel - 1) * dilation + 1 - stride
        self.after = 0 if causal else padding // 2
        self.before = padding - self.after

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """`[B, D, T]` and lengths `[B]` to the convolution and its lengths."""
        x = mirrored(x, lengths, self.before, self.after, self.stride)
        x = F.conv1d(x, self.weight, self.bias, self.stride, dilation=self.dilation)
        return x, None if lengths is None else (lengths + self.stride - 1) // self.stride


class TransposedConv(NormedKernel):
    """A transposed convolution from T to T * stride frames, with a kernel of twice the stride."""

    def __init__(self, channels: int, width: int, stride: int, *, causal: bool = True) -> None:
        super().__init__(channels, width, 2 * stride, width)
        self.stride = stride
        self.after = stride if causal else stride // 2
        self.before = stride - self.after

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """`[B, D, T]` and lengths `[B]` to T * stride frames and their lengths."""
        count = x.shape[2]
        if lengths is not None:
            x = x * _mask(lengths, count).unsqueeze(1)
        x = F.conv_transpose1d(x, self.weight, self.bias, self.stride)
        x = x.narrow(2, self.before, count * self.stride)
        return x, None if lengths is None else lengths * self.stride


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, compression: int, shortcut: bool, causal: bool
    ) -> None:
        super().__init__()
        inner = max(1, channels // compression)
        self.narrow = Conv(channels, inner, kernel, dilation=dilation, causal=causal)
        self.widen = Conv(inner, channels, 1, causal=causal)
        self.shortcut = Conv(channels, channels, 1, causal=causal) if shortcut else None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`[B, D, T]` to the same."""
        hidden, _ = self.narrow(F.elu(x), lengths)
        residual, _ = self.widen(F.elu(hidden), lengths)
        skip: Tensor = x if self.shortcut is None else self.shortcut(x, lengths)[0]
        total: Tensor = skip + residual
        return total


def _apply(blocks: Any, x: Tensor, lengths: Tensor | None) -> Tensor:
    for block in blocks:
        x = block(x, lengths)
    return x


def _lstm(lstm: nn.LSTM | None, x: Tensor) -> Tensor:
    """An LSTM over `[B, D, T]` with a skip connection."""
    if lstm is None:
        return x
    frames = x.transpose(1, 2)
    hidden: Tensor = lstm(frames)[0]
    return (hidden + frames).transpose(1, 2)


def _mask(lengths: Tensor, count: int) -> Tensor:
    return torch.arange(count, device=lengths.device) < lengths.unsqueeze(1)


def mirrored(x: Tensor, lengths: Tensor | None, before: int, after: int, stride: int = 1) -> Tensor:
    """Reflection-pad each item at its own start and end, where it is also padded to a multiple of the stride.

    An item too short to reflect is first extended with zeros.

    Args:
        x: `[B, D, T]`.
        lengths: Of the items, `[B]`; None if all are T.
        before: Frames to add at the start.
        after: Frames to add at the end.
        stride: Of the convolution.

    Returns:
        `[B, D, before + ceil(T / stride) * stride + after]`, zero beyond each item's padding.
    """
    count = x.shape[2]
    if lengths is None:
        after += -count % stride
        if count > max(before, after):
            return F.pad(x, (before, after), mode="reflect") if before or after else x
        lengths = x.new_full((len(x),), count, dtype=torch.long)
        ends = lengths.unsqueeze(1).new_full((len(x), 1), after)
        total = count + after
    elif stride == 1 and not before and not after:
        return x * _mask(lengths, count).unsqueeze(1)
    else:
        ends = (after + -lengths % stride).unsqueeze(1)
        total = count + -count % stride + after
    length = lengths.unsqueeze(1)
    extended = torch.maximum(length, ends.clamp_min(before) + 1)
    place = torch.arange(-before, total, device=x.device).unsqueeze(0)
    source = place.abs()
    source = torch.where(source >= extended, 2 * (extended - 1) - source, source)
    real = (source >= 0) & (source < length) & (place < length + ends)
    index = source.clamp(0, count - 1).unsqueeze(1).expand(-1, x.shape[1], -1)
    return x.gather(2, index) * real.unsqueeze(1)
