"""Log-mel spectrograms as a modality encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports
from mmzoo.nn.mel import LogMel


class LogMelEncoder(ModalityEncoder):
    """Speech `[B, T]` to log-mel latents `[B, ceil(T / hop), width]`.

    bands: mel bands. width: None for the bands themselves, otherwise a linear layer projects to it.
    """

    modality = "speech"

    def __init__(
        self, *, sample_rate: int = 16000, window: int = 1024, hop: int = 256, bands: int = 80, width: int | None = None
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
            raw = raw * mask
            frame_mask = F.pad(mask, (0, padding)).view(len(raw), -1, self.hop).any(-1)
        with torch.autocast(raw.device.type, enabled=False):
            features = self.log_mel(F.pad(raw, (0, padding)))
        return Latents(self.project(features), frame_mask, rate=self.rate, modality="speech")
