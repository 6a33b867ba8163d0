"""Encoders of speech: log-mel spectrograms, and convolutions or a transformer over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.mel import BandNorm, LogMel
from mmzoo_encoders.features import Sequences

QUIETEST = 4.0
"""Frames quieter than the loudest one by this much (in nepers; 35 dB) count as silence."""
USUAL_MEAN, USUAL_STD = -6.0, 2.5
"""Of the log-mel bands of speech, roughly."""


class LogMelEncoder(ModalityEncoder):
    """Speech `[B, T]` to log-mel latents `[B, ceil(T / hop), width]`.

    Args:
        sample_rate: In Hz.
        window: Samples of the STFT window.
        hop: Samples between frames.
        bands: Mel bands.
        width: Channels of a linear projection; None for the bands themselves.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        sample_rate: Size = 16000,
        window: Size = 1024,
        hop: Size = 256,
        bands: Size = 80,
        width: Size | None = None,
    ) -> None:
        super().__init__()
        self.log_mel = LogMel(sample_rate=sample_rate, window=window, hop=hop, bands=bands)
        self.project = nn.Identity() if width is None else nn.Linear(bands, width)
        self.hop, self.rate = hop, sample_rate / hop

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in, latents of `width` or `bands` channels out."""
        return Ports(
            inputs={"raw": Port(modality="speech", sample_rate=config["sample_rate"])},
            outputs={
                "latents": Port(width=config["width"] or config["bands"], rate=config["sample_rate"] / config["hop"])
            },
        )

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]` are padded with zeros to whole frames."""
        padding = -raw.shape[1] % self.hop
        frame_mask = None
        if mask is not None:
            raw = raw.masked_fill(~mask, 0.0)
            frame_mask = F.pad(mask, (0, padding)).view(len(raw), -1, self.hop).any(-1)
        with torch.autocast(raw.device.type, enabled=False):
            features = self.log_mel(F.pad(raw, (0, padding)))
        if isinstance(self.project, nn.Linear):
            features = self.project(features.to(self.project.weight.dtype))
        return Latents(features, frame_mask, rate=self.rate, modality="speech")


class SpeechTransformer(Sequences):
    """Speech `[B, T]` to latents `[B, N, width]`: log-mel frames, two strided convolutions, and transformer blocks.

    Every band is standardized over each utterance, which removes loudness and average timbre. The convolutions halve
    time and bands twice, so N is a quarter of the frames, and small formant shifts matter little.

    Args:
        width: Channels of the latents.
        depth: Transformer blocks.
        heads: Attention heads.
        sample_rate: In Hz.
        window: Samples of the STFT window.
        hop: Samples between frames.
        bands: Mel bands.
        channels: Channels of the convolutions.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        width: Size = 128,
        depth: Count = 3,
        heads: Size = 4,
        sample_rate: Size = 16000,
        window: Size = 512,
        hop: Size = 160,
        bands: Size = 64,
        channels: Size = 32,
    ) -> None:
        super().__init__(width=width, depth=depth, heads=heads)
        self.log_mel = LogMelEncoder(sample_rate=sample_rate, window=window, hop=hop, bands=bands)
        self.standardize = BandNorm()
        self.convolutions = nn.ModuleList(nn.Conv2d(given, channels, 3, stride=2, padding=1) for given in (1, channels))
        joined = channels * -(-bands // 4)
        self.norm_in = nn.LayerNorm(joined, eps=1e-6)
        self.embed = nn.Linear(joined, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in, latents of width `width` out."""
        rate = config["sample_rate"] / (config["hop"] * 4)
        return Ports(
            inputs={"raw": Port(modality="speech", sample_rate=config["sample_rate"])},
            outputs={"latents": Port(width=config["width"], rate=rate)},
        )

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]` are padded with zeros to whole frames."""
        frames = self.log_mel.encode(raw, mask)
        x, mask = self.standardize(frames.x, frames.mask).unsqueeze(1).to(self.embed.weight.dtype), frames.mask
        for convolution in self.convolutions:
            x = F.gelu(convolution(x))
            if mask is not None:
                mask = mask[:, ::2]
                x = x * mask[:, None, :, None]
        x = self.embed(self.norm_in(x.transpose(1, 2).flatten(2)))
        rate = None if frames.rate is None else frames.rate / 4
        return replace(self.through(x, mask), rate=rate, modality="speech")


class SpeechConvNeXt(ModalityEncoder):
    """Speech `[B, T]` to latents `[B, ceil(T / (hop * stride)), width]`: stacked log-mel frames and ConvNeXt blocks.

    Its latents are aligned with those of a codec of the same rate.

    Args:
        width: Channels of the latents.
        depth: ConvNeXt blocks.
        sample_rate: In Hz.
        window: Samples of the STFT window.
        hop: Samples between frames.
        stride: Frames per latent.
        bands: Mel bands.
        standardize: Whether each band is standardized over each utterance, which removes loudness and average timbre.
            Silence does not count.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        width: Size = 192,
        depth: Count = 4,
        sample_rate: Size = 24000,
        window: Size = 1024,
        hop: Size = 240,
        stride: Size = 2,
        bands: Size = 80,
        standardize: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.samples_per_latent = stride, hop * stride
        self.rate = sample_rate / self.samples_per_latent
        self.log_mel = LogMel(sample_rate=sample_rate, window=window, hop=hop, bands=bands)
        self.standardize = BandNorm() if standardize else None
        self.embed = nn.Linear(bands * stride, width)
        self.blocks = ConvNeXtStack(width, depth)
        self.norm = nn.LayerNorm(width, eps=1e-6)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in, latents of width `width` out."""
        rate = config["sample_rate"] / (config["hop"] * config["stride"])
        return Ports(
            inputs={"raw": Port(modality="speech", sample_rate=config["sample_rate"])},
            outputs={"latents": Port(width=config["width"], rate=rate)},
        )

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]` are padded with zeros to whole latents."""
        padding = -raw.shape[1] % self.samples_per_latent
        latent_mask = frame_mask = None
        if mask is not None:
            raw = raw.masked_fill(~mask, 0.0)
            latent_mask = F.pad(mask, (0, padding)).view(len(raw), -1, self.samples_per_latent).any(-1)
            frame_mask = latent_mask.repeat_interleave(self.stride, dim=1)
        with torch.autocast(raw.device.type, enabled=False):
            frames = self.log_mel(F.pad(raw, (0, padding)))
            if self.standardize is None:
                frames = (frames - USUAL_MEAN) / USUAL_STD
            else:
                frames = self.standardize(frames, frame_mask, _sounding(frames, frame_mask))
        stacked = frames.reshape(len(frames), -1, frames.shape[-1] * self.stride)
        x = self.norm(self.blocks(self.embed(stacked.to(self.embed.weight.dtype)), latent_mask))
        return Latents(x, latent_mask, rate=self.rate, modality="speech")


def _sounding(frames_BNF: Tensor, mask_BN: Tensor | None) -> Tensor:
    """Which log-mel frames are not silence, `[B, N]`."""
    loudness = frames_BNF.logsumexp(-1)
    if mask_BN is not None:
        loudness = loudness.masked_fill(~mask_BN, -torch.inf)
    return loudness > loudness.amax(1, keepdim=True) - QUIETEST
