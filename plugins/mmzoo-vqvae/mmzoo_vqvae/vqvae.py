"""The VQ-VAE skeleton that every modality shares: encode, quantize, decode.

A VQ-VAE is also the tokenizer of the models above it, so it owns the mean and the spread of its latents:
a diffusion model flows over the standardised vectors and asks for the nearest codes of its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmzoo.interfaces import Latents, Link, ModalityEncoder, Port, Ports, Quantized, Quantizer, Slot, TaskHead


class VQVAE(TaskHead):
    """Base of VQ-VAE heads. Slots: `encoder` (with `decode`) and `quantizer`.

    Subclasses add the modality's losses, examples and typed verbs. `latent_mean` and `latent_spread`
    (`[D]`) are measured on training data when training ends.
    """

    slots: ClassVar[Mapping[str, Slot]] = {"encoder": Slot("encoder"), "quantizer": Slot("quantizer")}
    links = (
        Link("encoder.latents", "quantizer.z"),
        Link("quantizer.z", "encoder.z"),
        Link("encoder.latents", "head.latents"),
    )
    encoder: ModalityEncoder
    quantizer: Quantizer
    latent_mean: Tensor
    latent_spread: Tensor

    def __init__(self, *, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("latent_mean", torch.zeros(dim))
        self.register_buffer("latent_spread", torch.ones(dim))

    def reset_parameters(self) -> None:
        """Latents count as standard until they are measured."""
        super().reset_parameters()
        self.latent_mean.zero_()
        self.latent_spread.fill_(1.0)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Gives standardised latents of width `dim`."""
        latent = Port(width=config["dim"])
        return Ports(inputs={"latents": latent}, outputs={"latents": latent})

    def quantize(self, raw: Tensor, mask: Tensor | None = None) -> tuple[Latents, Quantized]:
        """Raw batch to its latents and their quantization."""
        latents = self.encoder.encode(raw, mask)
        return latents, self.quantizer(latents.x, latents.mask)

    def forward(self, raw: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Quantized]:
        """Raw batch to (reconstruction, quantization)."""
        latents, quantized = self.quantize(raw, mask)
        return self.encoder.decode(latents.with_x(quantized.z_q)), quantized

    @torch.no_grad()
    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """What this model makes of a raw batch, for recognition: its codes `[B, N, Q]`."""
        latents = self.encoder.encode(raw, mask)
        return latents.with_x(self.quantizer.encode(latents.x, latents.mask))

    def standardise(self, z: Tensor) -> Tensor:
        """Latents `[..., D]` to zero mean and unit spread on the training data."""
        return (z - self.latent_mean) / self.latent_spread

    def unstandardise(self, z: Tensor) -> Tensor:
        """The inverse of `standardise`."""
        return z * self.latent_spread + self.latent_mean

    def snap(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        """The codes `[B, N, Q]` nearest to latents `[B, N, D]`."""
        return self.quantizer.encode(z, mask)

    @torch.no_grad()
    def measure_latents(self, batches: list[tuple[Tensor, Tensor | None]]) -> None:
        """Set `latent_mean` and `latent_spread` from (raw, mask) batches, on quantized latents."""
        vectors = []
        for raw, mask in batches:
            latents, quantized = self.quantize(raw, mask)
            vectors.append(quantized.z_q.flatten(0, 1) if latents.mask is None else quantized.z_q[latents.mask])
        stacked = torch.cat(vectors).double()
        self.latent_mean.copy_(stacked.mean(0))
        self.latent_spread.copy_(stacked.std(0).clamp_min(1e-4))
