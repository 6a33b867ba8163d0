"""A task head: an autoencoder that copies pictures."""

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
    Size,
    Slot,
    TaskHead,
    TrainingState,
)

if TYPE_CHECKING:
    from datasets import Dataset


class AcmePart(TaskHead):
    """Called with a picture, it returns a copy. The slot `encoder` takes any picture encoder that also decodes.

    Args:
        dim: Width of the encoder's latents, which is checked before anything is built.
    """

    slots: ClassVar[Mapping[str, Slot]] = {"encoder": Slot("encoder")}
    links: ClassVar[Sequence[Link]] = (Link("encoder.latents", "head.latents"),)
    encoder: ModalityEncoder

    batch_keys = ("image",)
    columns = ("image",)

    def __init__(self, *, dim: Size = 16) -> None:
        super().__init__()
        self.dim = dim

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of width `dim` in, pictures out."""
        return Ports(inputs={"latents": Port(width=config["dim"])}, outputs={"image": Port(modality="image")})

    @torch.no_grad()
    def __call__(self, image: Any) -> Image:  # type: ignore[override]
        """Copy a picture, given as anything that `as_image` takes."""
        image = as_image(image)
        height, width = image.pixels.shape[:2]
        copy = self._copied(torch.from_numpy(np.ascontiguousarray(image.pixels)).unsqueeze(0).to(self.device))
        pixels = (copy[0, :height, :width].clamp(0, 1) * 255).round().to(torch.uint8)
        return Image(pixels.cpu().numpy())

    def _copied(self, pixels: Tensor) -> Tensor:
        """Pictures uint8 `[B, H, W, 3]` to floats in [0, 1], padded to complete patches."""
        copy: Tensor = self.encoder.decode(self.encoder.encode(pixels.float() / 255))
        return copy

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Latents of a smooth picture and a decoding of random latents, which a copy of the model must reproduce."""
        if inputs is None:
            across = torch.linspace(0, 1, 16)
            image = torch.stack((across.expand(16, 16), across.expand(16, 16).T, across.outer(across)), -1)
            inputs = {"image": image.unsqueeze(0), "z": torch.randn(1, 16, self.dim, generator=torch.Generator())}
        decoded = self.encoder.decode(Latents(inputs["z"]))
        return inputs, {"latents": self.encoder.encode(inputs["image"]).x, "decoded": decoded}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The pictures of the rows, all of one size."""
        return Pictures(rows)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The squared error of the pixels."""
        target = batch["image"].float() / 255
        error = (self._copied(batch["image"])[:, : target.shape[1], : target.shape[2]] - target).square().mean()
        return Losses(error, {"error": error.detach()})


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
