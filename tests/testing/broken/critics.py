"""A sound critic and its breaks."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmzoo.interfaces import Critic

from . import Breaks
from .parts import add_part_breaks

CRITICS = Breaks("critic", {"width": 4})


class Patches(Critic):
    """Two layers over pictures."""

    modality = "image"

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.look, self.score = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        seen = self.look(raw.permute(0, 3, 1, 2)).relu()
        return [[seen, self.score(seen)]]


CRITICS.sound = Patches
add_part_breaks(CRITICS, "forward")


@CRITICS("ports", "modality")
class JudgesText(Patches):
    modality = "text"


@CRITICS("ports", "list of scales")
class OnlyMaps(Patches):
    def forward(self, raw: Tensor) -> Any:
        return super().forward(raw)[0]


@CRITICS("ports", "list of scales")
class NoScale(Patches):
    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        return []


@CRITICS("ports", "for two items")
class OneScoreForAll(Patches):
    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        (maps,) = super().forward(raw)
        return [[*maps, maps[-1].mean()]]


@CRITICS("backward", "input 0")
class DetachesRaw(Patches):
    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        return super().forward(raw.detach())


@CRITICS("learning", "tell noise from smoothed noise")
class SeesMeans(Patches):
    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        return super().forward(raw.mean((1, 2), keepdim=True).expand_as(raw))
