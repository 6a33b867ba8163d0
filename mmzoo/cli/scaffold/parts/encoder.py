"""An encoder of pictures: pixels to latents and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports
from mmzoo.nn.patches import fold, unfold


class AcmePart(ModalityEncoder):
    """Every square of `square` x `square` pixels becomes one latent of width `dim`, by one layer each way.

    The keyword-only, typed arguments are the config: they are what a recipe may set.
    """

    modality = "image"

    def __init__(self, *, dim: int = 16, square: int = 4) -> None:
        super().__init__()
        self.square = square
        self.enter = nn.Linear(3 * square * square, dim)
        self.leave = nn.Linear(dim, 3 * square * square)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Pictures in, latents of width `dim` out, and back."""
        picture, latent = Port(modality="image"), Port(width=config["dim"])
        return Ports(inputs={"raw": picture, "z": latent}, outputs={"latents": latent, "raw": picture})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Pictures `[B, H, W, 3]` in [0, 1] to `[B, N, dim]`, row by row; black makes whole squares at the edges."""
        squares = fold(raw, self.square)
        return Latents(self.enter(squares.flatten(1, 2)), grid=(squares.shape[1], squares.shape[2]), modality="image")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` with their grid, square if they have none, to pictures `[B, H, W, 3]`."""
        side = int(latents.x.shape[1] ** 0.5)
        squares = self.leave(latents.x.to(self.leave.weight.dtype))  # quantizers give float32
        return unfold(squares.unflatten(1, latents.grid or (side, side)), self.square)
