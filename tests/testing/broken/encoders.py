"""A sound encoder of pictures or vectors that decodes, and its breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports

from . import Breaks
from .parts import add_part_breaks, half

ENCODERS = Breaks("encoder", {"width": 4})


class Linear(ModalityEncoder):
    """Vectors of width 3 through a layer, and back through another."""

    modality = "vectors"

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.into, self.back = nn.Linear(3, width), nn.Linear(width, 3)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"raw": Port(width=3)}, outputs={"latents": Port(width=config["width"])})

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return Latents(self.into(raw), mask, modality=self.modality)

    def decode(self, latents: Latents) -> Tensor:
        return self.back(latents.x)


ENCODERS.sound = Linear
add_part_breaks(ENCODERS, "encode")


@ENCODERS("ports", "must have one")
class LosesMask(Linear):
    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return Latents(super().encode(raw, mask).x)


@ENCODERS("ports", "declares no port 'latents'")
class NoPort(Linear):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"raw": Port(width=3)})


@ENCODERS("backward", "input 0")
class DetachesRaw(Linear):
    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return super().encode(raw.detach(), mask)


@ENCODERS("masks", "contents of padding")
class ReadsPadding(Linear):
    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return super().encode(raw + raw.mean(1, keepdim=True), mask)


@ENCODERS("bf16", "off by more than 10%")
class SmallAndWrongInHalf(Linear):
    """What is far off is far off, however small all of it is."""

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        found = super().encode(raw, mask)
        return found.with_x(found.x * (0.03 if half(self) else 0.02))


@ENCODERS("decoding", "decodes to")
class DecodesShort(Linear):
    def decode(self, latents: Latents) -> Tensor:
        return super().decode(latents)[:, 1:]


@ENCODERS("decoding", "decodes an item differently")
class DecodesPadding(Linear):
    def decode(self, latents: Latents) -> Tensor:
        return super().decode(latents.with_x(latents.x - latents.x.mean(1, keepdim=True)))


@ENCODERS("decoding", "decoded latents")
class DetachesLatents(Linear):
    def decode(self, latents: Latents) -> Tensor:
        return super().decode(latents.with_x(latents.x.detach()))


@ENCODERS("decoding", "decoded latents")
class DecodesWithoutGradient(Linear):
    @torch.no_grad()
    def decode(self, latents: Latents) -> Tensor:
        return super().decode(latents)
