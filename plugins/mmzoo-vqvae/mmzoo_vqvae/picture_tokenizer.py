"""The picture tokenizer: a VQ-VAE from pictures to codes and back, and how it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.data import as_batch, as_image, decode_images, packed_images
from mmzoo.errors import InputError
from mmzoo.interfaces import ALONE, Examples, Image, Latents, Losses, Size, TrainingState, Weight
from mmzoo_vqvae.losses import code_perplexity
from mmzoo_vqvae.picture_autoencoder import PictureAutoencoder
from mmzoo_vqvae.vqvae import VQVAE, require_no_mask

if TYPE_CHECKING:
    from datasets import Dataset

PLAIN = 8 / 255
"""A patch is plain if its colors differ by at most this much."""


class PictureVQVAE(VQVAE):
    """Pictures to codes and back to an Image; calling it does both.

    Args:
        dim: Width of the latents.
        edge_weight: Weight of the loss on differences between neighboring pixels, which keeps outlines in place.
        detail_weight: Loss weight of patches with more than one color, relative to 1 for plain patches, which make up
            most of a simple picture and would dominate the loss.
        side: Side in pixels to which training pictures are resized and cropped. None keeps pictures of one size as they
            are, and fits pictures of different sizes to 64 x 64.
    """

    modality = "image"
    batch_keys = ("image",)
    columns = ("image",)
    encoder: PictureAutoencoder

    def __init__(
        self, *, dim: Size, edge_weight: Weight = 1.0, detail_weight: Weight = 10.0, side: Size | None = None
    ) -> None:
        super().__init__(dim=dim)
        self.edge_weight, self.detail_weight, self.side = edge_weight, detail_weight, side

    @property
    def patch(self) -> int:
        """Side in pixels of the patch that each latent represents."""
        return self.encoder.patch

    # --- use ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def tokenize(self, image: Any) -> Tensor:
        """Encode pictures as codes.

        Args:
            image: Anything that `mmzoo.data.as_image` takes, or a list of B of equal size.

        Returns:
            Int64 `[B, N, Q]` in row-major order; B is 1 for a single picture.

        Raises:
            InputError: The list is empty, or sizes differ.
        """
        several = as_batch(image)
        items = [as_image(one) for one in ([image] if several is None else several)]
        if not items:
            raise InputError("Cannot tokenize an empty list of pictures.")
        if len({item.pixels.shape for item in items}) > 1:
            raise InputError("Pictures of different sizes cannot form a batch; tokenize them one by one.")
        pixels = torch.from_numpy(np.stack([item.pixels for item in items])).to(self.device)
        return self.quantizer.encode(self.encoder.encode(pixels.float() / 255).x)

    def _items(self, latents: Latents) -> list[Image]:
        count, grid = latents.x.shape[1], latents.grid
        if grid is not None and grid[0] * grid[1] != count:
            raise InputError(f"{count} latents or codes do not fill a grid of {grid[0]} x {grid[1]}.")
        try:
            pixels = self.encoder.decode(latents).clamp(0, 1) * 255
        except ValueError as error:
            raise InputError(f"A picture that is not square needs a grid: {error}") from error
        return [Image(one) for one in pixels.round().to(torch.uint8).cpu().numpy()]

    def __call__(self, image: Any, mask: Tensor | None = None) -> Any:
        """Reconstruct a picture from its codes; a raw batch, floats `[B, H, W, 3]`, takes the path of `forward`."""
        if isinstance(image, Tensor) and image.dim() == 4 and image.shape[3] == 3:
            return super().__call__(image, mask)
        require_no_mask(mask)
        image = as_image(image)
        height, width = image.pixels.shape[:2]
        copy = self.reconstruct(self.tokenize(image), (-(-height // self.patch), -(-width // self.patch)))
        return Image(copy.pixels[:height, :width])

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Latents of a smooth picture with noise, and the decoding of random codes."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            side = 4 * self.patch
            across = torch.linspace(0, 1, side)
            picture = torch.stack((across.expand(side, side), across.expand(side, side).T, across.outer(across)), -1)
            noise = 0.05 * torch.randn(side, side, 3, generator=generator)
            codes = [torch.randint(size, (1, 16), generator=generator) for size in self.quantizer.codebook_sizes]
            inputs = {"image": (picture + noise).unsqueeze(0), "codes": torch.stack(codes, -1)}
        latents = self.encoder.encode(inputs["image"]).x
        decoded = self.encoder.decode(Latents(self.quantizer.decode(inputs["codes"])))
        return inputs, {"latents": latents, "decoded": decoded}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' pictures at one size."""
        return Pictures(packed_images(rows, cache, self.side, self.patch))

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """L1 loss of pixels and of their differences, weighted by detail, plus the quantizer's loss."""
        target = batch["image"].float() / 255
        output, quantized = self(target)
        weight = 1 + (self.detail_weight - 1) * _detail(target, self.patch)
        parts = {"pixels": _weighted_l1(output - target, weight), "edges": _edges(output - target, weight)}
        total = parts["pixels"] + self.edge_weight * parts["edges"] + 0.1 * quantized.loss
        parts |= dict(quantized.losses)
        with torch.no_grad():
            parts["psnr"] = -10 * (output - target).square().mean((1, 2, 3)).clamp_min(1e-10).log10().mean()
            parts["perplexity"] = code_perplexity(quantized.codes).mean()
        return Losses(total, {name: value.detach() for name, value in parts.items()})

    def finish(self, examples: Examples) -> None:
        """Measure the mean and std of latents on about 512 training pictures."""
        generator = torch.Generator().manual_seed(0)
        chosen = [examples.example(i, generator) for i in range(0, len(examples), max(1, len(examples) // 512))]
        batches: list[tuple[Tensor, Tensor | None]] = []
        for start in range(0, len(chosen), 64):
            batches.append((examples.collate(chosen[start : start + 64])["image"].to(self.device).float() / 255, None))
        self.measure_latents(batches)

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each picture next to its reconstruction."""
        for name, original in zip(rows["id"], decode_images(rows["image"], self.side, self.patch), strict=True):
            yield name, Image(np.concatenate((original.pixels, self(original).pixels), axis=1))


def _detail(target_BHWC: Tensor, patch: int) -> Tensor:
    """1 in patches with more than one color, 0 in plain ones; `[B, H, W, 1]`."""
    x = target_BHWC.permute(0, 3, 1, 2)
    extent = (F.max_pool2d(x, patch, ceil_mode=True) + F.max_pool2d(-x, patch, ceil_mode=True)).amax(1, keepdim=True)
    detailed = (extent > PLAIN).float().repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return detailed[..., : x.shape[2], : x.shape[3]].permute(0, 2, 3, 1)


def _weighted_l1(error_BHWC: Tensor, weight_BHW1: Tensor) -> Tensor:
    """Weighted mean absolute error."""
    return (error_BHWC.abs() * weight_BHW1).sum() / (weight_BHW1.sum() * error_BHWC.shape[-1]).clamp_min(1e-6)


def _edges(error_BHWC: Tensor, weight_BHW1: Tensor) -> Tensor:
    """Weighted L1 of the vertical and horizontal differences between neighboring pixels."""
    vertical = _weighted_l1(error_BHWC.diff(dim=1), weight_BHW1[:, 1:])
    return vertical + _weighted_l1(error_BHWC.diff(dim=2), weight_BHW1[:, :, 1:])


class Pictures:
    """The pictures of a dataset, uint8 `[N, H, W, 3]`."""

    keys = ("image",)

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self.pixels = pixels
        self.lengths = [1] * len(self.pixels)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """Picture `index`, uint8 `[H, W, 3]`."""
        return torch.from_numpy(self.pixels[index].copy())

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`image`: uint8 `[B, H, W, 3]`."""
        return {"image": torch.stack(examples)}
