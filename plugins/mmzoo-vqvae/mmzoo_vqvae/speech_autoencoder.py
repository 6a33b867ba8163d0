"""A convolutional speech autoencoder whose decoder predicts a complex spectrum and inverts it.

The decoder follows Vocos (Siuzdak, arXiv 2306.00814): its frame rate is constant up to the inverse STFT, so there are
no transposed convolutions that alias, and Griffin-Lim is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.precise import linear_float32
from mmzoo.nn.stft import STFT
from mmzoo_vqvae.harmonic import CEILING_HZ, FLOOR_HZ, pulses

MAX_LOG_MAGNITUDE = 6.0


class SpeechAutoencoder(ModalityEncoder):
    """Speech `[B, T]` to latents `[B, N, dim]`, sample_rate / (hop * stride) per second, and back.

    Args:
        dim: Width of the latents.
        sample_rate: Hz.
        window: Window of the STFT in samples, in encoder and decoder.
        hop: Hop of the STFT in samples.
        stride: Spectral frames per latent.
        width: Channels of the encoder.
        depth: ConvNeXt blocks of the encoder at the frame rate.
        latent_depth: Blocks at the latent rate, in the encoder and in the decoder.
        decoder_width: Channels of the decoder.
        decoder_depth: Blocks of the decoder at the frame rate.
        expansion: Expansion ratio of the blocks' MLPs.
        harmonic: Whether the decoder also predicts the pitch, and shapes its spectrum with that of a pulse train at
            this pitch, which makes harmonics sharper.
    """

    modality = "speech"
    entries = (*ModalityEncoder.entries, "synthesise")

    def __init__(
        self,
        *,
        dim: Size,
        sample_rate: Size = 16000,
        window: Size = 640,
        hop: Size = 200,
        stride: Size = 2,
        width: Size = 224,
        depth: Count = 3,
        latent_depth: Count = 2,
        decoder_width: Size = 288,
        decoder_depth: Count = 6,
        expansion: Positive = 3.0,
        harmonic: bool = False,
    ) -> None:
        super().__init__()
        if window < 2 * hop:
            raise ConfigTypeError(
                f"encoder: window {window} must be at least twice hop {hop}, or the inverse STFT has gaps.",
                path="window",
            )
        bins = window // 2 + 1
        self.sample_rate, self.hop, self.stride = sample_rate, hop, stride
        self.stft = STFT(window, hop)
        self.embed = nn.Linear(bins, width)
        self.frames_in = ConvNeXtStack(width, depth, expansion=expansion)
        self.down = nn.Linear(width * stride, width)
        self.latents_in = ConvNeXtStack(width, latent_depth, expansion=expansion)
        self.norm_in = nn.LayerNorm(width, eps=1e-6)
        self.to_latent = nn.Linear(width, dim)

        self.from_latent = nn.Linear(dim, decoder_width)
        self.latents_out = ConvNeXtStack(decoder_width, latent_depth, expansion=expansion)
        self.up = nn.Linear(decoder_width, decoder_width * stride)
        self.frames_out = ConvNeXtStack(decoder_width, decoder_depth, expansion=expansion)
        self.norm_out = nn.LayerNorm(decoder_width, eps=1e-6)
        self.to_spectrum = nn.Linear(decoder_width, 2 * bins)
        self.harmonic = harmonic
        if harmonic:
            self.to_pitch = nn.Linear(decoder_width, 1)
            self.to_stripes = nn.Linear(decoder_width, 3 * bins)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in; latents of width `dim` out, and the same back."""
        rate = config["sample_rate"] / (config["hop"] * config["stride"])
        speech = Port(modality="speech", sample_rate=config["sample_rate"])
        latent = Port(width=config["dim"], rate=rate)
        return Ports(inputs={"raw": speech, "z": latent}, outputs={"latents": latent, "raw": speech})

    @property
    def samples_per_latent(self) -> int:
        """Samples per latent."""
        return self.hop * self.stride

    @property
    def rate(self) -> float:
        """Latents per second."""
        return self.sample_rate / self.samples_per_latent

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]`, zero-padded to a multiple of `samples_per_latent`, to latents."""
        step = self.samples_per_latent
        padding = -raw.shape[1] % step
        raw = F.pad(raw, (0, padding))
        latent_mask = frame_mask = None
        if mask is not None:
            raw = raw.masked_fill(~F.pad(mask, (0, padding)), 0.0)
            latent_mask = F.pad(mask, (0, padding)).view(len(raw), -1, step).any(-1)
            frame_mask = latent_mask.repeat_interleave(self.stride, dim=1)
        with torch.autocast(raw.device.type, enabled=False):
            power = self.stft(raw).abs()
            features = (power + 1e-3).log()
        x = self.frames_in(self.embed(features.to(self.embed.weight.dtype)), frame_mask)
        x = self.down(x.reshape(len(x), -1, x.shape[-1] * self.stride))
        x = self.to_latent(self.norm_in(self.latents_in(x, latent_mask)))
        return Latents(x.float(), latent_mask, rate=self.rate, modality="speech")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to samples `[B, N * samples_per_latent]`, zero outside the mask."""
        return self.synthesise(latents)[0]

    def synthesise(
        self, latents: Latents, pitch_BK: Tensor | None = None, voiced_BK: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Latents to samples and, with a harmonic decoder, the predicted log pitch.

        Args:
            latents: `[B, N, dim]`.
            pitch_BK: Pitch in Hz per frame, which replaces the predicted one in voiced frames; None for none.
            voiced_BK: Whether each frame is voiced; given with the pitch.

        Returns:
            Samples `[B, N * samples_per_latent]`, and the log pitch `[B, N * stride]` or None.
        """
        mask = latents.mask
        x = self.latents_out(self.from_latent(latents.x), mask)
        x = self.up(x).reshape(len(x), -1, x.shape[-1])
        frame_mask = None if mask is None else mask.repeat_interleave(self.stride, dim=1)
        log_pitch = None
        if self.harmonic:
            with torch.autocast(x.device.type, enabled=False):
                position = linear_float32(self.to_pitch, x).squeeze(-1).sigmoid()
                log_pitch = math.log(FLOOR_HZ) + position * math.log(CEILING_HZ / FLOOR_HZ)
        x = self.norm_out(self.frames_out(x, frame_mask))
        with torch.autocast(x.device.type, enabled=False):
            # The spectrum and its inverse need float32: in bf16, exp overflows and phases lose precision.
            log_magnitude, phase = linear_float32(self.to_spectrum, x).chunk(2, dim=-1)
            carrier = torch.polar(torch.ones_like(phase), phase)
            if log_pitch is not None:
                pitch = log_pitch.detach().exp()
                if pitch_BK is not None and voiced_BK is not None:
                    pitch = torch.where(voiced_BK, pitch_BK, pitch)
                depth, mix, rotation = linear_float32(self.to_stripes, x).chunk(3, dim=-1)
                stripes, phasor = self._stripes(pitch, frame_mask)
                log_magnitude = log_magnitude + depth * stripes
                # Mix the carriers, because the gradient between two unrelated phases would be zero on average.
                mix = mix.sigmoid()
                carrier = (1 - mix) * carrier + mix * phasor * torch.polar(torch.ones_like(rotation), rotation)
            spectrum = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp() * carrier
            return self.stft.inverse(spectrum, frame_mask), log_pitch

    @torch.no_grad()
    def _stripes(self, pitch_BK: Tensor, frame_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Log-magnitudes (0 at the peak of a harmonic) and unit phasors of a pulse train, each `[B, K, bins]`."""
        wave = pulses(pitch_BK, self.hop, self.sample_rate)
        if frame_mask is not None:
            wave = wave * frame_mask.repeat_interleave(self.hop, dim=1)
        spectrum = self.stft(wave) * (4 / self.stft.window)
        magnitude = spectrum.abs()
        return (magnitude + 0.03).log(), spectrum / (magnitude + 1e-8)
