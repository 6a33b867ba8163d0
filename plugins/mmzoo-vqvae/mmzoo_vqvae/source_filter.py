"""A speech autoencoder whose decoder filters a pulse train and noise in the STFT domain.

A network that predicts phases must learn how each harmonic advances from frame to frame, and that noise has no phase
to predict. Source-filter models (Wang et al., arXiv 1904.12088; HiFTNet, Li et al., arXiv 2309.09493) supply both: all
harmonics come from one pulse train at the predicted pitch, everything else from white noise, and the network predicts
only how loud each bin of either is. All layers run at the latent rate, which makes decoding cheap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Count, Latents, ModalityEncoder, Port, Ports, Positive, Size
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.precise import Float32Buffers, linear_float32
from mmzoo.nn.stft import STFT
from mmzoo_vqvae.harmonic import CEILING_HZ, FLOOR_HZ, pulse_train
from mmzoo_vqvae.waveform import MAX_LOG_MAGNITUDE, NOISE_FRAMES, noise_spectrum


class Noise(Float32Buffers):
    """The spectrum of fixed white noise with unit variance per bin, repeated every NOISE_FRAMES frames.

    Args:
        stft: The transform.
    """

    real: Tensor
    imaginary: Tensor

    def __init__(self, stft: STFT) -> None:
        super().__init__()
        self.window, self.hop = stft.window, stft.hop
        self.register_buffer("real", torch.empty(0), persistent=False)
        self.register_buffer("imaginary", torch.empty(0), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the noise (it is not stored in weights)."""
        device = self.real.device
        spectrum = torch.from_numpy(noise_spectrum(self.window, self.hop))
        self.real, self.imaginary = spectrum.real.to(device), spectrum.imag.to(device)

    def forward(self, frames: int, start: int = 0) -> Tensor:
        """The spectrum of `frames` frames, `[frames, bins]`, from frame `start` on."""
        rows = (torch.arange(frames, device=self.real.device) + start) % NOISE_FRAMES
        return torch.complex(self.real[rows], self.imaginary[rows])


class SourceFilterAutoencoder(ModalityEncoder):
    """Speech `[B, T]` to latents `[B, N, dim]`, sample_rate / (hop * stride) per second, and back.

    Args:
        dim: Width of the latents.
        sample_rate: Hz.
        window: Window of the STFT in samples, in encoder and decoder.
        hop: Hop of the STFT in samples.
        stride: Spectral frames per latent.
        width: Channels of the encoder.
        depth: ConvNeXt blocks of the encoder at the frame rate.
        latent_depth: Its blocks at the latent rate.
        decoder_width: Channels of the decoder.
        decoder_depth: Blocks of the decoder, all at the latent rate.
        expansion: Expansion ratio of the blocks' MLPs.
    """

    modality = "speech"
    entries = (*ModalityEncoder.entries, "synthesize")
    trained_by_head = ("to_pitch",)  # the phases of pulses say nothing useful about the pitch

    def __init__(
        self,
        *,
        dim: Size,
        sample_rate: Size = 24000,
        window: Size = 960,
        hop: Size = 240,
        stride: Size = 2,
        width: Size = 256,
        depth: Count = 2,
        latent_depth: Count = 3,
        decoder_width: Size = 256,
        decoder_depth: Count = 4,
        expansion: Positive = 3.0,
    ) -> None:
        super().__init__()
        if window < 2 * hop:
            raise ConfigTypeError(
                f"encoder: window {window} must be at least twice hop {hop}, or the inverse STFT has gaps.",
                path="window",
            )
        self.bins = window // 2 + 1
        self.sample_rate, self.hop, self.stride = sample_rate, hop, stride
        self.stft = STFT(window, hop)
        self.noise = Noise(self.stft)
        self.embed = nn.Linear(self.bins, width)
        self.frames_in = ConvNeXtStack(width, depth, expansion=expansion)
        self.down = nn.Linear(width * stride, width)
        self.latents_in = ConvNeXtStack(width, latent_depth, expansion=expansion)
        self.norm_in = nn.LayerNorm(width, eps=1e-6)
        self.to_latent = nn.Linear(width, dim)

        self.from_latent = nn.Linear(dim, decoder_width)
        self.latents_out = ConvNeXtStack(decoder_width, decoder_depth, expansion=expansion)
        self.norm_out = nn.LayerNorm(decoder_width, eps=1e-6)
        self.to_pitch = nn.Linear(decoder_width, stride)
        self.to_filters = nn.Linear(decoder_width, stride * 3 * self.bins)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the filters' biases such that untrained speech is quiet."""
        super().reset_parameters()
        with torch.no_grad():
            self.to_filters.weight.mul_(0.3)
            bias = self.to_filters.bias.view(self.stride, 3, self.bins)
            bias.zero_()
            bias[:, ::2] = -2.0

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
            features = (self.stft(raw).abs() + 1e-3).log()
        x = self.encode_features(features.to(self.embed.weight.dtype), frame_mask, latent_mask)
        return Latents(x.float(), latent_mask, rate=self.rate, modality="speech")

    def encode_features(
        self, features_BKF: Tensor, frame_mask: Tensor | None = None, latent_mask: Tensor | None = None
    ) -> Tensor:
        """Log magnitudes `[B, K, bins]` to latents `[B, K / stride, dim]`."""
        x = self.frames_in(self.embed(features_BKF), frame_mask)
        x = self.down(x.reshape(len(x), -1, x.shape[-1] * self.stride))
        latents: Tensor = self.to_latent(self.norm_in(self.latents_in(x, latent_mask)))
        return latents

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to samples `[B, N * samples_per_latent]`, zero outside the mask."""
        return self.synthesize(latents)[0][0]

    def synthesize(
        self,
        latents: Latents,
        pitch_BK: Tensor | None = None,
        voiced_BK: Tensor | None = None,
        starts: Sequence[int] = (0,),
    ) -> tuple[list[Tensor], Tensor]:
        """Latents to samples, once with each of several noises, and the predicted log pitch.

        Args:
            latents: `[B, N, dim]`.
            pitch_BK: Pitch in Hz per frame, which replaces the predicted one in voiced frames; None for none.
            voiced_BK: Whether each frame is voiced; given with the pitch.
            starts: First frame of each noise.

        Returns:
            Samples `[B, N * samples_per_latent]` for each noise, and the log pitch `[B, N * stride]`.
        """
        mask = latents.mask
        log_pitch, filters = self.filters(latents.x, mask)
        frame_mask = None if mask is None else mask.repeat_interleave(self.stride, dim=1)
        with torch.autocast(filters.device.type, enabled=False):
            pitch = log_pitch.detach().exp()
            if pitch_BK is not None and voiced_BK is not None:
                pitch = torch.where(voiced_BK, pitch_BK, pitch)
            voiced, phase, unvoiced = filters.unbind(2)
            voiced, unvoiced = (part.clamp(max=MAX_LOG_MAGNITUDE).exp() for part in (voiced, unvoiced))
            source = self._source(pitch, frame_mask)
            # Products of complex numbers, written out: they export, and cost less than torch.polar.
            cosine, sine = voiced * phase.cos(), voiced * phase.sin()
            real, imaginary = cosine * source.real - sine * source.imag, cosine * source.imag + sine * source.real
            samples = []
            for start in starts:
                noise = self.noise(pitch.shape[1], start)
                spectrum = torch.complex(real + unvoiced * noise.real, imaginary + unvoiced * noise.imag)
                samples.append(self.stft.inverse(spectrum, frame_mask))
        return samples, log_pitch

    def filters(self, latents_BND: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Latents `[B, N, dim]` to the log pitch `[B, K]` and the filters `[B, K, 3, bins]`, both float32.

        The filters are the log magnitude and the phase of the pulses, and the log magnitude of the noise.
        """
        x = self.norm_out(self.latents_out(self.from_latent(latents_BND), mask))
        with torch.autocast(x.device.type, enabled=False):
            # The spectrum and its inverse need float32: in bf16, exp overflows and phases lose precision.
            position = linear_float32(self.to_pitch, x).flatten(1).sigmoid()
            log_pitch = math.log(FLOOR_HZ) + position * math.log(CEILING_HZ / FLOOR_HZ)
            return log_pitch, linear_float32(self.to_filters, x).view(len(x), -1, 3, self.bins)

    @torch.no_grad()
    def _source(self, pitch_BK: Tensor, frame_mask: Tensor | None) -> Tensor:
        """The spectrum `[B, K, bins]` of a pulse train; its harmonics have magnitude 1."""
        if frame_mask is not None:
            # The pitch is interpolated, so padding must continue the last real frame's.
            last = frame_mask.sum(1, keepdim=True).clamp_min(1) - 1
            frames = torch.arange(pitch_BK.shape[1], device=pitch_BK.device)
            pitch_BK = pitch_BK.gather(1, torch.minimum(frames.unsqueeze(0), last))
        wave = pulse_train(pitch_BK, self.hop, self.sample_rate)
        if frame_mask is not None:
            wave = wave * frame_mask.repeat_interleave(self.hop, dim=1)
        spectrum: Tensor = self.stft(wave)
        return spectrum * (4 / self.stft.window)
