"""A sound sampler and its breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces import Latents, Losses, Port, Ports, Sampler

from . import Breaks
from .parts import add_constructor_breaks, call_home

SAMPLERS = Breaks("sampler", {"width": 4})


class Straight(Sampler):
    """Flow matching in equal steps; `width` says nothing."""

    def __init__(self, *, width: int = 4) -> None:
        self.width = width

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(count, generator=generator)

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        t = t.view(-1, 1, 1)
        return t * data + (1 - t) * noise, data - noise

    def schedule(self, num_steps: int) -> Tensor:
        if num_steps < 1:
            raise InputError("At least one step is needed.")
        return torch.arange(num_steps) / num_steps

    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        x = noise
        for index in range(len(self.schedule(num_steps))):
            x = x + predict(x, index) / num_steps
        return x


SAMPLERS.sound = Straight
add_constructor_breaks(SAMPLERS)


@SAMPLERS("network", "192.0.2.1")
class AsksWhileSampling(Straight):
    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        call_home()
        return super().sample(predict, noise, num_steps)


@SAMPLERS("ports", "a sampler has none")
class Ported(Straight):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"x": Port()})


@SAMPLERS("determinism", "given generator")
class Unseeded(Straight):
    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(count)


@SAMPLERS("determinism", "outside")
class TooLate(Straight):
    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return 1 + super().times(count, generator)


@SAMPLERS("ends", "must be the noise")
class Reversed(Straight):
    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return super().corrupt(noise, data, t)


@SAMPLERS("sampling", "must rise")
class Backwards(Straight):
    def schedule(self, num_steps: int) -> Tensor:
        return super().schedule(num_steps).flip(0)


@SAMPLERS("sampling", "does not reach")
class Stops(Straight):
    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        return noise + 0.5 * (super().sample(predict, noise, num_steps) - noise)


@SAMPLERS("sampling", "its schedule has")
class SkipsSteps(Straight):
    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        return noise + predict(noise, 0) if num_steps > 0 else super().sample(predict, noise, num_steps)


@SAMPLERS("loss", "must be 0")
class SeesPadding(Straight):
    def loss(self, backbone: Any, data: Latents, *arguments: Any) -> Losses:
        return super().loss(lambda x_t, *given: backbone(data.with_x(x_t.x), *given), Latents(data.x), *arguments)


@SAMPLERS("loss", "must fall")
class WrongSign(Straight):
    def loss(self, *arguments: Any) -> Losses:
        return Losses(-super().loss(*arguments).total)


@SAMPLERS("loss", "given generator")
class UnseededLoss(Straight):
    def loss(self, backbone: Any, data: Latents, condition: Any, generator: torch.Generator) -> Losses:
        generator.seed()
        return super().loss(backbone, data, condition, generator)


@SAMPLERS("ports", "declares times of width 2")
class WrongWidth(Straight):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(outputs={"times": Port(width=2)})


@SAMPLERS("refusals", "samples with 0 steps")
class TakesNone(Straight):
    def schedule(self, num_steps: int) -> Tensor:
        return torch.arange(num_steps) / max(1, num_steps)
