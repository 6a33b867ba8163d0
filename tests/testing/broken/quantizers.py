"""A sound quantizer and its breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.errors import InputError
from mmzoo.interfaces import Port, Ports, Quantized, Quantizer

from . import Breaks
from .parts import COUNT, add_part_breaks, hidden_number

QUANTIZERS = Breaks("quantizer", {"width": 4})
LEVELS = 5


class Grid(Quantizer):
    """Every channel rounded to five levels; how far apart they are is learned."""

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.width = width
        self.scale = nn.Parameter(torch.ones(1))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        z = Port(width=config["width"])
        return Ports(inputs={"z": z}, outputs={"z": z, "codes": Port(codebooks=config["width"])})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (LEVELS,) * self.width

    def bounded(self, z: Tensor) -> Tensor:
        return z.tanh()

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        codes = ((self.bounded(z) + 1) * (LEVELS - 1) / 2).round().long()
        return codes if mask is None else codes.masked_fill(~mask.unsqueeze(-1), -1)

    def decode(self, codes: Tensor) -> Tensor:
        if not torch.compiler.is_exporting() and bool(((codes < 0) | (codes >= LEVELS)).any()):
            raise InputError("Codes out of range.")
        return (codes * 2 / (LEVELS - 1) - 1) * self.scale

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        bounded = self.bounded(z)
        rounded = self.encode(z) * 2 / (LEVELS - 1) - 1
        z_q = (bounded + (rounded - bounded).detach()) * self.scale
        return Quantized(z_q, self.encode(z, mask), z_q.new_zeros(()), {}, torch.ones(self.width))


class _Changed(Grid):
    """What is quantized is changed in encode and forward alike."""

    def changed(self, z: Tensor) -> Tensor:
        raise NotImplementedError

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().encode(self.changed(z), mask)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        bounded, rounded = self.bounded(z), self.encode(z) * 2 / (LEVELS - 1) - 1
        z_q = (bounded + (rounded - bounded).detach()) * self.scale
        return Quantized(z_q, self.encode(z, mask), z_q.new_zeros(()), {}, torch.ones(self.width))


QUANTIZERS.sound = Grid
add_part_breaks(QUANTIZERS, "forward")


@QUANTIZERS("ports", "int64")
class WrongCodes(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q, found.codes.int(), found.loss, {}, found.usage)


@QUANTIZERS("ports", "declares codes")
class WrongCodebooks(Grid):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"z": Port(width=config["width"])}, outputs={"codes": Port(codebooks=1)})


@QUANTIZERS("backward", "no finite gradient passes")
class Stuck(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        return super().forward(z.detach(), mask)


@QUANTIZERS("determinism", "two losses under one seed")
class UnseededLoss(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        extra = found.z_q.new_tensor(next(COUNT)) if self.training else found.loss
        return Quantized(found.z_q, found.codes, found.loss + extra, {}, found.usage)


@QUANTIZERS("masks", "mark padding")
class NoMask(Grid):
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().encode(z)


@QUANTIZERS("masks", "contents of padding")
class ReadsPadding(_Changed):
    def changed(self, z: Tensor) -> Tensor:
        return z / z.abs().amax((1, 2), keepdim=True)


@QUANTIZERS("masks", "its loss")
class LossOfPadding(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q, found.codes, (z - found.z_q).square().mean(), {}, found.usage)


@QUANTIZERS("storage", "after saving and loading")
class Forgetful(_Changed):
    def __init__(self, *, width: int = 4) -> None:
        super().__init__(width=width)
        self.hidden = hidden_number()

    def changed(self, z: Tensor) -> Tensor:
        return z * self.hidden


@QUANTIZERS("batch", "padded in a batch")
class CodesOfNeighbours(_Changed):
    def changed(self, z: Tensor) -> Tensor:
        return z - z[:1].mean()


@QUANTIZERS("codes", "decode(codes) must be z_q")
class OtherCodes(Grid):
    def decode(self, codes: Tensor) -> Tensor:
        return -super().decode(codes)


@QUANTIZERS("refusals", "decode accepted")
class Accepts(Grid):
    def decode(self, codes: Tensor) -> Tensor:
        return (codes * 2 / (LEVELS - 1) - 1) * self.scale


@QUANTIZERS("export", "torch.export")
class CutsPadding(Grid):
    """With a mask its shapes depend on values, so that only the call without one can be exported."""

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        kept = z.sum() if mask is None else z[mask][:5].sum() if int(mask.sum()) > 5 else z.sum()
        return Quantized(found.z_q, found.codes, 0 * kept, {}, found.usage)
