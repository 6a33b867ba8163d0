"""The VQ-VAE base shared by all modalities: encode, quantize, decode.

A VQ-VAE is also the tokenizer of the models above it, so it owns the mean and standard deviation of its latents: a
diffusion model works on standardized latents and asks for the nearest codes of its output.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces import Latents, Link, ModalityEncoder, Port, Ports, Quantized, Quantizer, Size, Slot, Tokenizer
from mmzoo.interfaces.codes import as_codes, check_one
from mmzoo.interfaces.raw import check_raw
from mmzoo.interfaces.renamed import renamed
from mmzoo.nn.precise import Float32Buffers


def require_no_mask(mask: Tensor | None) -> None:
    """Raise InputError if a mask is given with an input that is not a raw batch."""
    if mask is not None:
        raise InputError("A mask is for raw batches, which are tensors; any other input has no padding.")


class VQVAE(Float32Buffers, Tokenizer):
    """Base of VQ-VAE heads (van den Oord et al., arXiv 1711.00937) with the slots `encoder` and `quantizer`.

    Subclasses add the modality's losses, examples and verbs. The mean and standard deviation of the latents are
    measured on training data when training ends.

    Args:
        dim: Width of the latents.
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
    latent_spread: Tensor  # the standard deviation, under the name that published weights store it by

    def __init__(self, *, dim: Size) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("latent_mean", torch.zeros(dim))
        self.register_buffer("latent_spread", torch.ones(dim))

    def reset_parameters(self) -> None:
        """Set mean 0 and std 1, until latents are measured."""
        super().reset_parameters()
        self.latent_mean.zero_()
        self.latent_spread.fill_(1.0)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of width `dim` in and out, and the raw modality out."""
        latent = Port(width=config["dim"])
        return Ports(inputs={"latents": latent}, outputs={"latents": latent, cls.modality: Port(modality=cls.modality)})

    # --- the tokenizer's contract ------------------------------------------------------------------------

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each of the Q codebooks."""
        return self.quantizer.codebook_sizes

    @torch.no_grad()
    def reconstruct(self, codes: Any, grid: tuple[int, int] | None = None) -> Any:
        """Decode the codes of one item.

        Args:
            codes: Integers `[1, N, Q]`: a tensor, an array or nested lists.
            grid: Rows and columns of a picture's N codes; None for square pictures and other modalities.

        Returns:
            Audio, Image or text.

        Raises:
            InputError: The codes have the wrong shape, are out of range, or do not fill the grid.
        """
        codes = as_codes(codes).to(self.device)
        check_one(codes.shape)
        return self._items(Latents(self.quantizer.decode(codes), grid=grid))[0]

    def encode_latents(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """A raw batch to standardized latents before quantization; differentiable."""
        latents = self.encoder.encode(raw, mask)
        return latents.with_x(self.standardize(latents.x))

    @torch.no_grad()
    def decode_latents(self, latents: Latents) -> Sequence[Any]:
        """Standardized latents, quantized or not, to B items."""
        return self._items(self._unstandardized(latents))

    def quantize_latents(self, latents: Latents) -> Tensor:
        """The codes `[B, N, Q]` nearest to standardized latents."""
        latents = self._unstandardized(latents)
        return self.quantizer.encode(latents.x, latents.mask)

    def embed_codes(self, codes: Any) -> Tensor:
        """Codes `[B, N, Q]`, as `reconstruct` takes them, to standardized latents `[B, N, D]`."""
        return self.standardize(self.quantizer.decode(as_codes(codes).to(self.device)))

    @torch.no_grad()
    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """The codes `[B, N, Q]` of a raw batch, as input to recognition."""
        latents = self.encoder.encode(raw, mask)
        return latents.with_x(self.quantizer.encode(latents.x, latents.mask))

    def _unstandardized(self, latents: Latents) -> Latents:
        """Standardized latents in the encoder's scale. Raises InputError if they are not `[B, N, dim]` and finite."""
        if not isinstance(latents, Latents):
            raise InputError(f"Latents must be a mmzoo.interfaces.Latents, not {type(latents).__name__}.")
        check_raw("vectors", latents.x, latents.mask)
        if latents.x.shape[2] != self.dim:
            raise InputError(f"Latents must have the shape [B, N, {self.dim}], not {list(latents.x.shape)}.")
        return latents.with_x(self.unstandardize(latents.x))

    @abstractmethod
    def _items(self, latents: Latents) -> Sequence[Any]:
        """Decode the encoder's own latents to B items, each Audio, Image or text."""

    # --- in the encoder's own latent space ---------------------------------------------------------------

    def quantize(self, raw: Tensor, mask: Tensor | None = None) -> tuple[Latents, Quantized]:
        """A raw batch to its latents and their quantization."""
        latents = self.encoder.encode(raw, mask)
        return latents, self.quantizer(latents.x, latents.mask)

    def forward(self, raw: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Quantized]:
        """A raw batch to its reconstruction and its quantization."""
        latents, quantized = self.quantize(raw, mask)
        return self.encoder.decode(latents.with_x(quantized.z_q)), quantized

    def standardize(self, z: Tensor) -> Tensor:
        """Scale latents `[..., D]` to zero mean and unit variance on the training data."""
        return (z - self.latent_mean) / self.latent_spread

    def unstandardize(self, z: Tensor) -> Tensor:
        """The inverse of `standardize`."""
        return z * self.latent_spread + self.latent_mean

    @torch.no_grad()
    def measure_latents(self, batches: list[tuple[Tensor, Tensor | None]]) -> None:
        """Set the mean and std of quantized latents from (raw, mask) batches."""
        vectors = []
        for raw, mask in batches:
            latents, quantized = self.quantize(raw, mask)
            vectors.append(quantized.z_q.flatten(0, 1) if latents.mask is None else quantized.z_q[latents.mask])
        stacked = torch.cat(vectors).double()
        self.latent_mean.copy_(stacked.mean(0))
        self.latent_spread.copy_(stacked.std(0).clamp_min(1e-4))

    standardise = renamed("standardise", "standardize")
    unstandardise = renamed("unstandardise", "unstandardize")
