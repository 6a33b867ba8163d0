"""An encoder of pictures: pixels to latents and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports, Size
from mmzoo.nn.patches import fold, unfold


class Squares(ModalityEncoder):
    """One linear layer from each patch to a latent, and one back.

    The keyword-only, typed arguments are the config, which a recipe may set.

    Args:
        dim: Width of the latents.
        patch: Height and width of a patch in pixels.
    """

    modality = "image"

    def __init__(self, *, dim: Size = 16, patch: Size = 4) -> None:
        super().__init__()
        self.patch = patch
        self.enter = nn.Linear(3 * patch * patch, dim)
        self.leave = nn.Linear(dim, 3 * patch * patch)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Pictures in, latents of width `dim` out, and back."""
        picture, latent = Port(modality="image"), Port(width=config["dim"])
        return Ports(inputs={"raw": picture, "z": latent}, outputs={"latents": latent, "raw": picture})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Pictures `[B, H, W, 3]` in [0, 1] to `[B, N, dim]`, row by row; edges are padded with black."""
        patches = fold(raw, self.patch)
        return Latents(self.enter(patches.flatten(1, 2)), grid=(patches.shape[1], patches.shape[2]), modality="image")

    def decode(self, latents: Latents) -> Tensor:
        """Latents `[B, N, dim]` to pictures `[B, H, W, 3]`; without a grid, the picture is square."""
        side = int(latents.x.shape[1] ** 0.5)
        patches = self.leave(latents.x.to(self.leave.weight.dtype))  # quantizers return float32
        return unfold(patches.unflatten(1, latents.grid or (side, side)), self.patch)
