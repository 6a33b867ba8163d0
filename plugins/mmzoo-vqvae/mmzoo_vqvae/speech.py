"""A convolutional speech autoencoder whose decoder predicts a complex spectrum and inverts it.

The synthesis half follows Vocos (Siuzdak, arXiv 2306.00814): frames stay at one rate from the first layer
to the inverse STFT, so no transposed convolution can alias, and no Griffin-Lim is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigTypeError
from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.stft import STFT

MAX_LOG_MAGNITUDE = 6.0


class SpeechAutoencoder(ModalityEncoder):
    """Speech `[B, T]` to latents `[B, N, dim]` at sample_rate / (hop * stride) a second, and back.

    sample_rate: Hz. window, hop: of the STFT, samples; both halves use the same. stride: spectral frames
    in one latent. width, depth: of the encoder at the frame rate; latent_depth: blocks of each half at the
    latent rate; decoder_width, decoder_depth: of the decoder at the frame rate.
    """

    modality = "speech"

    def __init__(
        self,
        *,
        dim: int,
        sample_rate: int = 16000,
        window: int = 640,
        hop: int = 200,
        stride: int = 2,
        width: int = 224,
        depth: int = 3,
        latent_depth: int = 2,
        decoder_width: int = 288,
        decoder_depth: int = 6,
        expansion: float = 3.0,
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

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Speech in; latents of width `dim` out, and the same back."""
        rate = config["sample_rate"] / (config["hop"] * config["stride"])
        speech = Port(modality="speech", sample_rate=config["sample_rate"])
        latent = Port(width=config["dim"], rate=rate)
        return Ports(inputs={"raw": speech, "z": latent}, outputs={"latents": latent, "raw": speech})

    @property
    def samples_per_latent(self) -> int:
        """Samples that one latent stands for."""
        return self.hop * self.stride

    @property
    def rate(self) -> float:
        """Latents a second."""
        return self.sample_rate / self.samples_per_latent

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Samples `[B, T]` (padded with zeros to whole latents) to `[B, ceil(T / samples_per_latent), dim]`."""
        step = self.samples_per_latent
        padding = -raw.shape[1] % step
        raw = F.pad(raw, (0, padding))
        latent_mask = frame_mask = None
        if mask is not None:
            raw = raw * F.pad(mask, (0, padding))
            latent_mask = F.pad(mask, (0, padding)).view(len(raw), -1, step).any(-1)
            frame_mask = latent_mask.repeat_interleave(self.stride, dim=1)
        with torch.autocast(raw.device.type, enabled=False):
            power = self.stft(raw).abs()
            features = (power + 1e-3).log()
        x = self.frames_in(self.embed(features), frame_mask)
        x = self.down(x.reshape(len(x), -1, x.shape[-1] * self.stride))
        x = self.to_latent(self.norm_in(self.latents_in(x, latent_mask)))
        return Latents(x.float(), latent_mask, rate=self.rate, modality="speech")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to samples `[B, N * samples_per_latent]`, zero outside the mask."""
        mask = latents.mask
        x = self.latents_out(self.from_latent(latents.x), mask)
        x = self.up(x).reshape(len(x), -1, x.shape[-1])
        frame_mask = None if mask is None else mask.repeat_interleave(self.stride, dim=1)
        x = self.norm_out(self.frames_out(x, frame_mask))
        with torch.autocast(x.device.type, enabled=False):
            # The spectrum and its inverse need fp32: exp overflows and phases lose their digits in bf16.
            log_magnitude, phase = self.to_spectrum(x.float()).chunk(2, dim=-1)
            magnitude = log_magnitude.clamp(max=MAX_LOG_MAGNITUDE).exp()
            return self.stft.inverse(torch.polar(magnitude, phase), frame_mask)
