"""Flow matching for few steps: the backbone is given the step size, and predicts the average velocity over the step.

On the straight path of `mmzoo_dit.flow`, u(x_t, t, d) is the average of the velocity along the flow from t to t + d,
so x_t + d u(x_t, t, d) is the state at t + d, found in one evaluation. At d = 0, u is the velocity that flow matching
learns. Most items of a batch train that velocity. The others train steps larger than 0, on targets that the network
itself gives. Sampling is Euler's method.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmzoo.errors import ConfigError
from mmzoo.interfaces import (
    Condition,
    DiffusionBackbone,
    Fraction,
    Latents,
    Losses,
    Port,
    Ports,
    Positive,
    Size,
    Weight,
)
from mmzoo.interfaces.losses import masked_mean, predicted
from mmzoo_dit.flow import Euler

ROUNDING = 1e-3
"""Added to the errors that MeanFlow divides by."""


class Average(Protocol):
    """The network with everything bound but its state `[K, N, D]`, times `[K]` and step sizes `[K]`."""

    def __call__(self, x: Tensor, t: Tensor, d: Tensor) -> Tensor: ...


class AverageVelocity(Euler):
    """Average velocities; subclasses give the steps to train and their targets.

    Args:
        fraction: Fraction of each batch that trains steps larger than 0, rounded at random.
        training_times: See `mmzoo_dit.flow.FlowMatching`.
        logit_mean: The same.
        logit_std: The same.
    """

    def __init__(
        self,
        *,
        fraction: Fraction = 0.25,
        training_times: Literal["uniform", "logit-normal"] = "uniform",
        logit_mean: float = 0.0,
        logit_std: Positive = 1.0,
    ) -> None:
        super().__init__(training_times=training_times, logit_mean=logit_mean, logit_std=logit_std)
        self.fraction = fraction

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Output `times`: pairs of time and step size."""
        return Ports(outputs={"times": Port(width=2)})

    @abstractmethod
    def steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw steps to train: start and size, float `[count, 2]`."""

    @abstractmethod
    def target(self, average: Average, x: Tensor, t: Tensor, d: Tensor, velocity: Tensor) -> Tensor:
        """The average velocity to learn for steps of K items; called without gradients.

        Args:
            average: The network.
            x: States `[K, N, D]`.
            t: Starts `[K]`.
            d: Sizes `[K]`, above 0.
            velocity: data - noise; its mean over all pairs that lead through x is the velocity there.
        """

    def loss(
        self,
        backbone: DiffusionBackbone,
        data: Latents,
        condition: Condition,
        generator: torch.Generator,
        weight: Tensor | None = None,
    ) -> Losses:
        """The squared error; see `Sampler.loss`. Its parts are `flow`, at step size 0, and `steps`, at the others."""
        count, device = len(data.x), data.x.device
        noise = torch.randn(data.x.shape, generator=generator).to(data.x)
        times = torch.stack((self.times(count, generator), torch.zeros(count)), dim=-1)
        order = torch.randperm(count, generator=generator)
        stepped, plain = order.tensor_split([int(self.fraction * count + torch.rand((), generator=generator))])
        times[stepped] = self.steps(len(stepped), generator)
        times, stepped, plain = times.to(device), stepped.to(device), plain.to(device)

        x_t, target = self.corrupt(data.x, noise, times[:, 0])
        if len(stepped):
            with torch.no_grad():
                average = _average(backbone, data.select(stepped), condition.select(stepped))
                t, d = times[stepped].unbind(-1)
                target[stepped] = self.target(average, x_t[stepped], t, d, target[stepped])
        errors = (predicted(backbone, data.with_x(x_t), times, condition) - target).square().mean(-1)

        parts = {}
        for name, items in (("flow", plain), ("steps", stepped)):
            if len(items):
                mask, own = (None if of is None else of[items] for of in (data.mask, weight))
                parts[name] = masked_mean(errors[items].detach(), mask, own)
        return Losses(self.mean(errors, data.mask, weight), parts)

    def mean(self, errors: Tensor, mask: Tensor | None, weight: Tensor | None) -> Tensor:
        """The loss, given the squared error of each position, `[B, N]`."""
        return masked_mean(errors, mask, weight)

    def schedule(self, num_steps: int) -> Tensor:
        """Start and size of each step, float32 `[num_steps, 2]`."""
        return torch.tensor([(start, end - start) for start, end in pairwise(self.knots(num_steps))])


class Shortcut(AverageVelocity):
    """Shortcut models (Frans et al., arXiv 2410.12557): one step must lead where two steps of half its size lead.

    The sizes trained are 1, 1/2, 1/4, ..., and a step starts at a multiple of its size (algorithm 1). The paper takes
    the targets from averaged weights; here they come from the current ones.

    Args:
        fraction: See `AverageVelocity`.
        finest: A power of 2. The smallest steps trained have the size 2 / finest; their halves count as velocities.
        training_times: See `mmzoo_dit.flow.FlowMatching`.
        logit_mean: The same.
        logit_std: The same.
    """

    def __init__(
        self,
        *,
        fraction: Fraction = 0.25,
        finest: Size = 128,
        training_times: Literal["uniform", "logit-normal"] = "uniform",
        logit_mean: float = 0.0,
        logit_std: Positive = 1.0,
    ) -> None:
        super().__init__(fraction=fraction, training_times=training_times, logit_mean=logit_mean, logit_std=logit_std)
        if finest < 2 or finest & (finest - 1):
            raise ConfigError(f"finest is {finest}; it must be a power of 2, at least 2.", path="finest")
        self.finest = finest

    def steps(self, count: int, generator: torch.Generator) -> Tensor:
        """Sizes 1, 1/2, ..., 2 / finest, all equally likely."""
        number = 2 ** torch.randint(self.finest.bit_length() - 1, (count,), generator=generator)
        start = (torch.rand(count, generator=generator) * number).floor() / number
        return torch.stack((start, 1 / number), dim=-1)

    def target(self, average: Average, x: Tensor, t: Tensor, d: Tensor, velocity: Tensor) -> Tensor:
        """The mean of two steps of half the size (eq. 4 and 5)."""
        half = d / 2
        size = torch.where(half * self.finest > 1, half, 0)
        first = average(x, t, size)
        second = average(x + half.view(-1, 1, 1).to(x) * first, t + half, size)
        return (first + second) / 2


class MeanFlow(AverageVelocity):
    """MeanFlow (Geng et al., arXiv 2505.13447), with the tangent of improved MeanFlow (arXiv 2512.02012).

    The average velocity u over a step from t to t + d and the velocity v at t satisfy u = v + d du/dt, where du/dt is
    the change of u along the flow while the end of the step stays (eq. 6, in our direction of time): the derivative
    along (v, 1, -1) in (x, t, d). There v is the network's own velocity; in the sum it is data - noise, which equals v
    on average. The backbone must be smooth in time: set its `time_scale` to about 10.

    Args:
        fraction: See `AverageVelocity`.
        power: Each item's loss is divided by its own error to this power (sec. 4.3), so that a few items with large
            derivatives do not dominate. At 1 the loss stays near 1; its parts show progress.
        training_times: Distribution of both ends of a step; see `mmzoo_dit.flow.FlowMatching`. The paper's is
            logit-normal with a mean of 0.4 (-0.4 in its direction of time), which trains less near the noise, where a
            condition matters most.
        logit_mean: The same.
        logit_std: The same.
    """

    def __init__(
        self,
        *,
        fraction: Fraction = 0.25,
        power: Weight = 1.0,
        training_times: Literal["uniform", "logit-normal"] = "uniform",
        logit_mean: float = 0.0,
        logit_std: Positive = 1.0,
    ) -> None:
        super().__init__(fraction=fraction, training_times=training_times, logit_mean=logit_mean, logit_std=logit_std)
        self.power = power

    def steps(self, count: int, generator: torch.Generator) -> Tensor:
        """From the smaller to the larger of two training times."""
        ends = torch.stack((self.times(count, generator), self.times(count, generator)), dim=-1).sort(-1).values
        return torch.stack((ends[:, 0], ends[:, 1] - ends[:, 0]), dim=-1)

    def target(self, average: Average, x: Tensor, t: Tensor, d: Tensor, velocity: Tensor) -> Tensor:
        """v + d du/dt.

        Half precision would lose the derivative, and fused attention has none in forward mode.
        """
        one = torch.ones_like(t)
        with torch.autocast(x.device.type, enabled=False), sdpa_kernel(SDPBackend.MATH):
            own = average(x, t, torch.zeros_like(d))
            change: Tensor = torch.func.jvp(average, (x, t, d), (own, one, -one))[1]
        return velocity + d.view(-1, 1, 1).to(x) * change

    def mean(self, errors: Tensor, mask: Tensor | None, weight: Tensor | None) -> Tensor:
        """Each item's errors are divided by a power of their mean."""
        items = masked_mean(errors.detach(), mask, weight, dim=1)
        return masked_mean(errors / (items + ROUNDING).pow(self.power).unsqueeze(1), mask, weight)


def _average(backbone: DiffusionBackbone, frame: Latents, condition: Condition) -> Average:
    return lambda x, t, d: predicted(backbone, frame.with_x(x), torch.stack((t, d), dim=-1), condition)
