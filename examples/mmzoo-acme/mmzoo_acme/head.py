"""A task head: a VQ-VAE that turns pictures into codes and codes into pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import as_image, decode_images
from mmzoo.interfaces import (
    ALONE,
    Examples,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Quantizer,
    Size,
    Slot,
    TaskHead,
    TrainingState,
)

if TYPE_CHECKING:
    from datasets import Dataset


class PictureTokenizer(TaskHead):
    """`tokenize` returns codes, `reconstruct` a picture; calling the model does both.

    Args:
        dim: Width of the latents, which is checked against encoder and quantizer before anything is built.
    """

    slots: ClassVar[Mapping[str, Slot]] = {"encoder": Slot("encoder"), "quantizer": Slot("quantizer")}
    links: ClassVar[Sequence[Link]] = (
        Link("encoder.latents", "head.latents"),
        Link("head.latents", "quantizer.z"),
        Link("quantizer.z", "encoder.z"),
    )
    encoder: ModalityEncoder
    quantizer: Quantizer

    batch_keys = ("image",)
    columns = ("image",)

    def __init__(self, *, dim: Size = 16) -> None:
        super().__init__()
        self.dim = dim

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of width `dim` in and out."""
        latents = Port(width=config["dim"])
        return Ports(inputs={"latents": latents}, outputs={"latents": latents, "image": Port(modality="image")})

    @torch.no_grad()
    def tokenize(self, image: Any) -> Tensor:
        """A picture, anything that `as_image` takes, to codes int64 `[1, N, Q]`, row by row."""
        pixels = torch.from_numpy(as_image(image).pixels).unsqueeze(0).to(self.device)
        return self.quantizer.encode(self.encoder.encode(pixels.float() / 255).x)

    @torch.no_grad()
    def reconstruct(self, codes: Tensor, grid: tuple[int, int] | None = None) -> Image:
        """Codes `[1, N, Q]` to a picture.

        Args:
            codes: Codes of one picture, int64 `[1, N, Q]`.
            grid: Rows and columns of the N codes; by default they form a square.
        """
        pixels = self.encoder.decode(Latents(self.quantizer.decode(codes), grid=grid))[0].clamp(0, 1) * 255
        return Image(pixels.round().to(torch.uint8).cpu().numpy())

    @torch.no_grad()
    def __call__(self, image: Any) -> Image:  # type: ignore[override]
        """Copy a picture, given as anything that `as_image` takes, by way of its codes."""
        image = as_image(image)
        height, width = image.pixels.shape[:2]
        grid = self.encoder.encode(torch.zeros(1, height, width, 3, device=self.device)).grid
        return Image(self.reconstruct(self.tokenize(image), grid).pixels[:height, :width])

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Latents of a smooth picture before quantization, and a decoding of random codes."""
        if inputs is None:
            across = torch.linspace(0, 1, 16)
            image = torch.stack((across.expand(16, 16), across.expand(16, 16).T, across.outer(across)), -1)
            generator = torch.Generator().manual_seed(0)
            codes = [torch.randint(size, (1, 16), generator=generator) for size in self.quantizer.codebook_sizes]
            inputs = {"image": image.unsqueeze(0), "codes": torch.stack(codes, -1)}
        decoded = self.encoder.decode(Latents(self.quantizer.decode(inputs["codes"])))
        return inputs, {"latents": self.encoder.encode(inputs["image"]).x, "decoded": decoded}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The pictures of the rows, all of one size."""
        return Pictures(rows)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The squared error of the pixels plus the quantizer's loss."""
        target = batch["image"].float() / 255
        latents = self.encoder.encode(target)
        quantized = self.quantizer(latents.x)
        copy = self.encoder.decode(latents.with_x(quantized.z_q))[:, : target.shape[1], : target.shape[2]]
        error = (copy - target).square().mean()
        return Losses(error + quantized.loss, {"error": error.detach(), "usage": quantized.usage.mean().detach()})


class Pictures:
    """Training examples: uint8 pictures `[H, W, 3]`."""

    keys = ("image",)

    def __init__(self, rows: Dataset) -> None:
        self.pixels = torch.from_numpy(np.stack([picture.pixels for picture in decode_images(rows["image"])]))
        self.lengths: Sequence[int] = [1] * len(self.pixels)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """Picture `index`; nothing about it is random."""
        return self.pixels[index]

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`image`: uint8 `[B, H, W, 3]`."""
        return {"image": torch.stack(examples)}
